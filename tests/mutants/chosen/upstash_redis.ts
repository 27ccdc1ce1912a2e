import type { ChosenFault } from "../mutant.ts";

const LUA = "src/stores/upstash_redis/lua";

/** Faults of the scripts that run in Redis. */
export const UPSTASH_FAULTS: readonly ChosenFault[] = [
  {
    name: "Redis: neither epoch nor version is compared",
    file: `${LUA}/commit.ts`,
    text: "if log.id ~= id or log.state[EPOCH] ~= epoch or log.state[VERSION] ~= version then",
    replacement: "if log.id ~= id then",
    breaks: "G3",
  },
  {
    name: "Redis: rows are kept after a clean start",
    file: `${LUA}/acquire.ts`,
    text: "    finish(own, rows, fields, holder, name, log.id, log.seen.y)\n    values = {}",
    replacement: "    finish(own, rows, fields, holder, name, log.id, log.seen.y)\n",
    breaks: "trap 2",
  },
  {
    name: "Redis: anybody may take a session who knows its Client Identifier",
    file: `${LUA}/acquire.ts`,
    text: "if (log.seen.p or '') ~= binding then return reply('b') end",
    replacement: "",
    breaks: "trap 10",
  },
  {
    name: "Redis: a connected session is left to end by its TTL",
    file: `${LUA}/acquire.ts`,
    text: "  redis.call('PERSIST', own)",
    replacement: "",
    breaks: "G9",
  },
  {
    name: "Redis: the session of a node whose lease has run out counts as owned",
    file: `${LUA}/acquire.ts`,
    text: "if attached and not living then",
    replacement: "if attached and not living and lease == 0 then",
    breaks: "D5",
  },
  {
    name: "Redis: a message for an ended session goes to its successor",
    file: `${LUA}/append.ts`,
    text: "if not log.id or log.id ~= entry.id then return {'e'} end",
    replacement: "if not log.id then return {'e'} end",
    breaks: "trap 7",
  },
  {
    name: "Redis: what was started gives way",
    file: `${LUA}/append.ts`,
    text: "local limit = log.state[LIMIT]",
    replacement: "local limit = 0",
    breaks: "G7",
  },
  {
    name: "Redis: a step of an outbox does not look where the entry stands",
    file: `${LUA}/owed.ts`,
    text: "if not known or known[1] ~= from or",
    replacement: "if not known or",
    breaks: "G5 of an outbox: no copy twice",
  },
  {
    name: "the script makes no room under terms for an entry that came without",
    file: "src/stores/upstash_redis/lua/append.ts",
    text: "if entry.terms or isFull and log.lastTerms > log.state[LIMIT] then",
    replacement: "if entry.terms then",
    breaks: "WaitingTerms.priority",
  },
  {
    name: "a session that ends keeps its place under a quota",
    file: "src/stores/upstash_redis/lua/shared.ts",
    text: "  if place then index('places', 'ZREM', {place}) end",
    replacement: "",
    breaks: "quotas",
  },
];
