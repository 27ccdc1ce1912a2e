/**
 * Retained messages in Redis: one hash, with their positions in order beside it. All of them live in one slot of a cluster.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import { matches } from "../../mqtt/filter.ts";
import { hasExpired, type Message, messageBytes } from "../../mqtt/message.ts";
import { begun, stepwise } from "../../store/call.ts";
import { readable, unreadable } from "../../store/encoding.ts";
import { decodeFields } from "../../store/encoding.ts";
import { escapePart } from "../../store/keys.ts";
import { encodeMessage, readMessage } from "../../store/records/message.ts";
import { escapeTopic, positionOf } from "../../store/retained/position.ts";
import { walkOf } from "../../store/retained/walk.ts";
import type {
  RetainedEntry,
  RetainedOutcome,
  RetainedPage,
  RetainedPut,
  RetainedPutOptions,
  RetainedQuery,
  RetainedReadOptions,
  RetainedStore,
} from "../../store/retained_store.ts";
import { Checks } from "./checks.ts";
import { type UpstashClient, upstashClient, type UpstashConnection } from "./client.ts";
import { ask, type RedisContext, sendAll } from "./context.ts";
import { isPrefix, RedisKeys } from "./keys.ts";
import { KnownDebtors } from "./known_debtors.ts";
import { EXPIRE, KEEP, KEPT, TOTALS } from "./lua/kept.ts";
import { fromText, readReply, toText, wholeNumber } from "./text.ts";
import { type Command, type Reply, transport } from "./transport.ts";

/** How an {@linkcode upstashRedisRetained} is set up. */
export interface UpstashRedisRetainedOptions {
  /** In front of all keys; the session store of the same database may have the same. Default: `mqtt`. */
  readonly prefix?: string;
  /** As for the session store. */
  readonly keyLocking?: boolean;
  /** The largest body of a request, in bytes. Default: 10 000 000. */
  readonly maxRequestBytes?: number;
}

/** What a request takes beside one message. */
const REQUEST_ROOM = 400_000;
/** The most parts into which one call of a writer is divided. */
const MAX_PARTS = 1_000;
/** How many positions one call looks at before it says how far it has come. */
const LOOKS_PER_PAGE = 2_000;

/** What the parts of this store share. */
interface Kept {
  readonly context: RedisContext;
  readonly keys: RedisKeys;
  readonly maxRequestBytes: number;
}

/**
 * Keeps retained messages in Redis over `fetch`: Upstash, or any server that speaks its REST protocol.
 *
 * A put is one request, whatever the number of messages that share it, and so is a page.
 *
 * @throws {TypeError} If the client is none, or `url` or `token` cannot be one.
 * @throws {RangeError} If the prefix cannot stand in a key.
 *
 * @example
 * ```ts
 * import { upstashRedisRetained } from "@edge-mqtt/session/upstash-redis";
 *
 * const retained = upstashRedisRetained({ url: "https://eu1-example.upstash.io", token: "AX-the-token" });
 * console.assert(retained.capabilities.durability === "replicated");
 * ```
 */
export function upstashRedisRetained(
  redis: UpstashClient | UpstashConnection,
  options: UpstashRedisRetainedOptions = {},
): RetainedStore {
  const { prefix = "mqtt" } = options;
  if (!isPrefix(prefix)) throw new RangeError("Cannot use the prefix: it must be 1 to 256 characters once escaped");
  const client = "pipeline" in redis ? redis : upstashClient(redis);
  const context: RedisContext = {
    transport: transport(client, options),
    prefix: escapePart(prefix),
    cluster: false,
    checks: new Checks(),
    debtors: new KnownDebtors(),
  };
  const { maxRequestBytes } = context.transport;
  const kept: Kept = { context, keys: new RedisKeys(context.prefix), maxRequestBytes };
  const maxMessageBytes = Math.max(1, Math.floor((maxRequestBytes - REQUEST_ROOM) * 3 / 4));
  return {
    capabilities: { durability: "replicated", maxMessageBytes },
    put: (puts, put) =>
      begun(put, () => {
        if (puts.every(({ message }) => messageBytes(message) <= maxMessageBytes)) return putKept(kept, puts, put);
        throw new SessionError("LIMIT_EXCEEDED", "Cannot retain a message: it is larger than the store takes");
      }),
    match: (queries, read) => begun(read, () => matchKept(kept, queries, read)),
    read: (topics, read) => begun(read, () => readKept(kept, topics, read)),
    sweep: (sweep) =>
      begun(sweep, () =>
        ask(context, {
          script: EXPIRE,
          keys: keysOf(kept, "values", "names", "ends", "counts"),
          args: [whole(sweep.now), sweep.limit],
          doing: "sweep retained messages",
          writes: true,
          read: (_, reader) => reader.number(),
        }, sweep)),
    totals: (call) =>
      begun(call, () =>
        ask(context, {
          script: TOTALS,
          keys: keysOf(kept, "values", "counts"),
          args: [],
          doing: "count retained messages",
          writes: false,
          read: (_, reader) => ({ messages: reader.number(), bytes: reader.number() }),
        }, call)),
  };
}

function keysOf({ keys }: Kept, ...names: readonly ("values" | "names" | "ends" | "counts")[]): string[] {
  return names.map((name) => keys.kept(name));
}

const OUTCOMES: Readonly<Record<string, RetainedOutcome>> = { s: "stored", r: "removed", o: "outdated", f: "full" };

async function putKept(
  kept: Kept,
  puts: readonly RetainedPut[],
  options: RetainedPutOptions,
): Promise<readonly RetainedOutcome[]> {
  const outcomes: RetainedOutcome[] = puts.map(({ message }) => message.payload.length === 0 ? "removed" : "stored");
  // Of those with the same topic the last one: nobody has ever seen the others.
  const last = new Map<string, number>();
  for (const [place, { message }] of puts.entries()) {
    last.delete(message.topic);
    last.set(message.topic, place);
  }
  const items = await Promise.all(Array.from(last.values(), async (place) => {
    // The place is one of the puts.
    const { message, unlessLater } = puts[place] as RetainedPut;
    const text = message.payload.length === 0 ? "" : toText(encodeMessage(message));
    const args = [
      await positionOf(message.topic),
      whole(message.publishedAt),
      message.expiresAt === undefined ? "-" : whole(message.expiresAt),
      messageBytes(message),
      unlessLater === true ? 1 : 0,
      text,
    ];
    return { place, args, bytes: text.length + 600 };
  }));
  const most = kept.maxRequestBytes - REQUEST_ROOM / 2;
  return await stepwise(async (wrote) => {
    for (let part = 0, next = 0; next < items.length; part++) {
      const from = next;
      for (let bytes = 0; next < items.length; next++) {
        bytes += items[next]?.bytes ?? 0;
        if (bytes > most && next > from) break;
      }
      const slice = items.slice(from, next);
      const words = await putPart(kept, slice.flatMap(({ args }) => args), slice.length, part, options);
      wrote();
      for (const [index, { place }] of slice.entries()) outcomes[place] = words[index] ?? "stored";
    }
    return outcomes;
  });
}

function putPart(
  kept: Kept,
  args: readonly (string | number)[],
  count: number,
  part: number,
  { order, limits, now, signal }: RetainedPutOptions,
): Promise<readonly RetainedOutcome[]> {
  const limit = (most: number): number | string => most === Infinity ? "" : Math.floor(most);
  return ask(kept.context, {
    script: KEEP,
    keys: keysOf(kept, "values", "names", "ends", "counts"),
    args: [
      escapePart(order.writer),
      order.number * MAX_PARTS + part,
      whole(now),
      limit(limits.maximumMessages),
      limit(limits.maximumBytes),
      count,
      ...args,
    ],
    doing: "retain messages",
    writes: true,
    read: (status, reader) => {
      if (status === "l") {
        throw new SessionError("OUTCOME_UNKNOWN", "Cannot retain messages: a later call of the same writer came first");
      }
      return Array.from({ length: count }, () => OUTCOMES[reader.text()] ?? reader.refuse("an outcome is none"));
    },
  }, signal === undefined ? {} : { signal });
}

async function readKept(
  kept: Kept,
  topics: readonly string[],
  { now, signal }: RetainedReadOptions,
): Promise<readonly (Message | undefined)[]> {
  if (topics.length === 0) return [];
  const fields = await Promise.all(topics.map(positionOf));
  const command = { hmget: kept.keys.kept("values"), fields };
  const [reply] = await sendAll(kept.context, [command], READING, false, signal === undefined ? {} : { signal });
  return valuesOf(reply, topics.length).map((text, index) => {
    const message = text === null ? undefined : readable(() => messageOf(fields[index] ?? "", text));
    return message === undefined || message.topic !== topics[index] || hasExpired(message, now) ? undefined : message;
  });
}

const READING = "read retained messages";

async function matchKept(
  kept: Kept,
  queries: readonly RetainedQuery[],
  { now, signal }: RetainedReadOptions,
): Promise<readonly RetainedPage[]> {
  const asked = await Promise.all(queries.map((query) => questionOf(kept, query, now)));
  const commands = asked.flatMap(({ command }) => command ?? []);
  const replies = await sendAll(kept.context, commands, READING, false, signal === undefined ? {} : { signal });
  let next = 0;
  return asked.map(({ command, read }) => command === undefined ? NO_PAGE : read(replies[next++]));
}

const NO_PAGE: RetainedPage = { entries: [], unreadable: 0 };

/** What is sent for a query, and how its answer becomes a page. */
interface Question {
  readonly command: Command | undefined;
  readonly read: (reply: Reply | undefined) => RetainedPage;
}

async function questionOf(kept: Kept, query: RetainedQuery, now: number): Promise<Question> {
  const { filter, after } = query;
  const walk = walkOf(filter);
  if (walk.isExact && filter !== undefined) {
    const position = await positionOf(filter);
    if (position <= after) return { command: undefined, read: () => NO_PAGE };
    return {
      command: { hmget: kept.keys.kept("values"), fields: [position] },
      read: (reply) => {
        const [text] = valuesOf(reply, 1);
        return pageOf(query, now, text === null || text === undefined ? [] : [[position, text]], undefined);
      },
    };
  }
  const first = after >= walk.start && after !== "" ? `(${after}` : `[${walk.start}`;
  const patterns = patternsOf(filter);
  const args = [
    first,
    `(${walk.end}`,
    whole(now),
    LOOKS_PER_PAGE,
    query.messages,
    Math.min(query.bytes, Math.floor(kept.maxRequestBytes / 2)),
    patterns.length,
    ...patterns,
  ];
  return {
    command: { script: KEPT, keys: keysOf(kept, "values", "names"), args: args.map(String) },
    read: (reply) =>
      readReply(reply ?? "", READING, (reader) => {
        reader.text();
        const reached = reader.optional();
        const found = reader.list((): [string, string] => [reader.text(), reader.text()]);
        return pageOf(query, now, found, reached);
      }),
  };
}

/** The page of what was found: positions that were cut short, and reserved topics, are looked at here. */
function pageOf(
  { filter }: RetainedQuery,
  now: number,
  found: readonly (readonly [position: string, text: string])[],
  after: string | undefined,
): RetainedPage {
  const entries: RetainedEntry[] = [];
  let unreadable = 0;
  for (const [position, text] of found) {
    const message = readable(() => messageOf(position, text));
    if (message === undefined) unreadable++;
    else if ((filter === undefined || matches(filter, message.topic)) && !hasExpired(message, now)) {
      entries.push({ message, position });
    }
  }
  return { entries, ...(after === undefined ? {} : { after }), unreadable };
}

/** What positions of a filter look like: patterns of the server's, which know literal text, one level, and the end. */
function patternsOf(filter: string | undefined): string[] {
  if (filter === undefined) return ["^"];
  const levels = filter.split("/");
  const isOpen = levels.at(-1) === "#";
  const pattern = levels.slice(0, isOpen ? -1 : undefined)
    .map((level) => level === "+" ? "[^/]*" : escapeTopic(level).replaceAll(/[^A-Za-z0-9]/g, "%$&"))
    .join("/");
  if (!isOpen) return [`^${pattern}$`];
  return levels.length === 1 ? ["^"] : [`^${pattern}$`, `^${pattern}/`];
}

function valuesOf(reply: Reply | undefined, count: number): readonly (string | null)[] {
  if (Array.isArray(reply) && reply.length === count) return reply;
  throw new SessionError(
    "STORE_UNAVAILABLE",
    `Cannot ${READING}: Redis answered what this release does not understand`,
  );
}

function messageOf(position: string, text: string): Message {
  const bytes = fromText(text.slice(text.lastIndexOf(" ") + 1));
  if (bytes === undefined) throw unreadable(position, "it is not base64");
  return decodeFields(position, bytes, readMessage);
}

/** A moment, as scripts compare it. */
function whole(at: number): number {
  return wholeNumber(String(at)) ?? Math.min(Math.max(Math.ceil(at), 0), Number.MAX_SAFE_INTEGER);
}
