/** Worlds in which sessions belong to principals, each of which may have only so many of them, or hold only so much. */
import { type Random, random } from "../../../src/testing/mod.ts";
import type { Action, ClientPlan, Plan, QuotaPlan } from "./plan.ts";

/** From this seed on every world has a quota. */
export const QUOTAS_FROM = 40_000_001;

const QUOTAS_ONE_IN = 8;
/** So many clients at least, or nobody would be in the way of another. */
const LEAST_CLIENTS = 4;

/** The plan with a quota in it, where its seed says so: from a source of its own, so that other worlds stay as they were. */
export function withQuota(plan: Plan): Plan {
  const chance = random(plan.seed ^ 0x9107a);
  const isChosen = chance.below(QUOTAS_ONE_IN) === 0 || plan.seed >= QUOTAS_FROM;
  // A log that was filled beforehand belongs to nobody; pages do not ask again where they were refused.
  const isPlain = plan.store.wraps === undefined && plan.clients.every(({ page }) => page === undefined);
  if (!isChosen || !isPlain) return plan;
  const more = plan.clients.slice(0, Math.max(0, LEAST_CLIENTS - plan.clients.length));
  const names = chance.pick([["p"], ["p"], ["p", "q"]] as const);
  const clients = [...plan.clients, ...more].map((client) => asOwned(client, names, chance));
  const nodes = plan.nodes.length;
  const quota = drawQuota(chance);
  const actions = [
    ...plan.actions,
    ...(quota.queuedBytes === undefined ? [] : plan.nodes.flatMap((_, node) => startAnew(node, plan, chance))),
    ...more.map((_, index) => connect(chance.below(30), plan.clients.length + index, nodes, chance)),
    ...clients.flatMap((_, client) => comeAndGo(client, plan, chance)),
    ...(chance.chance(0.6) ? rush(clients.length, plan, chance) : []),
  ];
  return {
    ...plan,
    broker: { ...plan.broker, quota },
    clients,
    actions: actions.sort((a, b) => a.at - b.at),
  };
}

/** Whom the sessions of a world belong to, by the names of their clients. */
export function principalsOf({ clients }: Plan): ReadonlyMap<string, string> {
  return new Map(clients.flatMap(({ principal }, index) => principal === undefined ? [] : [[`c${index}`, principal]]));
}

function drawQuota(chance: Random): QuotaPlan {
  const sessions = { sessions: 1 + chance.below(3) };
  if (chance.chance(0.7)) return sessions;
  return { ...(chance.chance(0.3) ? sessions : {}), queuedBytes: 5 + chance.below(20) };
}

/** A node looks at what a principal holds when it first hears of it: so it has to be new while something waits. */
function startAnew(node: number, { lengthMs }: Plan, chance: Random): readonly Action[] {
  return Array.from({ length: 1 + chance.below(3) }, () => {
    return { at: 500 + chance.below(lengthMs - 500), do: "shutdown", node, forMs: chance.below(300) };
  });
}

/** Most are of 5.0, where a refusal says what it is for; and most sessions end soon, so that there is room again. */
function asOwned(client: ClientPlan, names: readonly string[], chance: Random): ClientPlan {
  return {
    ...client,
    ...(chance.chance(0.1) ? {} : { principal: chance.pick(names) }),
    ...(chance.chance(0.6) ? { version: 5 } : {}),
    ...(chance.chance(0.6) ? { sessionExpiryInterval: chance.below(3) } : {}),
  };
}

function connect(at: number, client: number, nodes: number, chance: Random): Action {
  const old = chance.pick(["close", "close", "vanish"] as const);
  return {
    at,
    do: "connect",
    client,
    node: chance.below(nodes),
    clean: chance.chance(0.4),
    will: chance.chance(0.5),
    old,
  };
}

function comeAndGo(client: number, { lengthMs, nodes }: Plan, chance: Random): readonly Action[] {
  return Array.from({ length: 1 + chance.below(3) }, (): Action => {
    const at = 100 + chance.below(lengthMs - 100);
    const kind = chance.pick(["disconnect", "disconnect", "connect", "end"] as const);
    if (kind === "connect") return connect(at, client, nodes.length, chance);
    if (kind === "end") return { at, do: kind, client, node: chance.below(nodes.length) };
    return { at, do: kind, client, reasonCode: 0, waits: chance.chance(0.5), expiry: chance.below(2) };
  });
}

/** All go, and come back in the same moment, wherever there is a node. */
function rush(clients: number, { lengthMs, nodes }: Plan, chance: Random): readonly Action[] {
  const goAt = 300 + chance.below(lengthMs - 300);
  const backAt = goAt + chance.below(600);
  return Array.from({ length: clients }, (_, client): readonly Action[] => [
    { at: goAt + chance.below(20), do: "disconnect", client, reasonCode: 0, waits: chance.chance(0.5), expiry: 0 },
    connect(backAt + chance.below(15), client, nodes.length, chance),
  ]).flat();
}
