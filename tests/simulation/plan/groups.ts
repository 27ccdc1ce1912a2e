/** Worlds of shared groups: the worlds of other seeds, in which most clients are members of a group or two. */
import { type Random, random } from "../../../src/testing/mod.ts";
import { drawPlanWithoutPages } from "./draw.ts";
import { type Action, type BrokerPlan, type ClientPlan, type FilterPlan, FORBIDDEN, type Plan } from "./plan.ts";

/** From this seed on there are groups. */
export const GROUPS_FROM = 30_000_001;

const SHARED = ["$share/g/t/#", "$share/g/t/#", "$share/g/t/+", "$share/g/#", "$share/h/t/0", "$share/h/+/0"] as const;

/** How often somebody looks at all sessions. */
const LOOKS = 6;

/** What the groups of a world are drawn from. */
interface Groups {
  readonly chance: Random;
  /** One or two. */
  readonly filters: readonly string[];
  /** Whether some members take no more than QoS 0. */
  readonly takesQos0: boolean;
  /** No session of a client before this one ends, and none of these leaves its groups: 0 for nobody. */
  readonly keepers: number;
  readonly retains: boolean;
}

/** Draws one. Who breaks the protocol and who bounds packets is left out: what they lose is nobody's fault. */
export function drawGroupPlan(seed: number): Plan {
  const plan = drawPlanWithoutPages(seed);
  const chance = random(seed ^ 0x960d);
  const all = plan.clients.length;
  const groups: Groups = {
    chance,
    filters: chance.shuffle([...new Set(chance.shuffle(SHARED).slice(0, chance.pick([1, 1, 1, 2])))]),
    takesQos0: chance.chance(0.1),
    keepers: chance.pick([0, 1, 1, all, all]),
    retains: chance.chance(0.25),
  };
  const { maxReceivers, wraps: _wraps, ...store } = plan.store;
  const clients = plan.clients.map((client, index) => asMember(client, index, groups));
  return {
    ...plan,
    // A store that delivers through outboxes alone has no groups.
    store: { ...store, delivery: "commit", ...(maxReceivers === undefined ? {} : { maxReceivers }) },
    broker: { ...plan.broker, ...drawBroker(groups) },
    clients,
    actions: [
      ...withTakeovers(plan.actions.flatMap((action) => asActions(action, clients, groups)), plan, groups),
      ...Array.from({ length: LOOKS }, (): Action => ({ at: 200 + chance.below(plan.lengthMs), do: "inspect" })),
    ].sort((a, b) => a.at - b.at),
  };
}

/** The shared filters that somebody may ask for in a run. */
export function sharedFiltersOf({ clients, actions }: Plan): readonly string[] {
  const asked = actions.flatMap((action) => action.do === "subscribe" ? [action.filter] : []);
  const all = [...clients.flatMap(({ filters }) => filters), ...asked].map(({ filter }) => filter);
  return [...new Set(all)].filter((filter) => filter.startsWith("$share/"));
}

function drawBroker({ chance, keepers, retains }: Groups): Partial<BrokerPlan> {
  return {
    ...(retains ? { retains } : {}),
    ...(keepers > 0 ? { maximumSessionExpiryInterval: 0xffff_ffff } : {}),
    ...(chance.chance(0.2) ? { sharedNeverStarted: chance.pick(["redispatchQoS1", "drop"] as const) } : {}),
  };
}

function asMember(client: ClientPlan, index: number, groups: Groups): ClientPlan {
  const { chance, filters, keepers, retains } = groups;
  const { maximumPacketSize: _size, receiveMaximum: _most, ...rest } = client;
  const own = chance.chance(0.25) ? rest.filters : [];
  const shared = filters.filter(() => chance.chance(0.8));
  const isKeeper = index < keepers;
  // Who is told what is retained gets more copies than were published: a 3.1.1 client cannot ask not to be.
  const isTold = retains && rest.version === 4;
  return {
    ...rest,
    ...(chance.chance(0.7) ? { receiveMaximum: 1 + chance.below(4) } : {}),
    // What is in flight as a session ends is where most can go wrong.
    ...(chance.chance(0.4) ? { answersAfterMs: 20 + chance.below(600) } : {}),
    ...(isKeeper ? { sessionExpiryInterval: chance.pick([600, 0xffff_ffff]), returns: true } : {}),
    isRude: false,
    filters: [
      ...(isTold ? [] : own.map((filter): FilterPlan => ({ ...filter, retainHandling: 2 }))),
      ...(isKeeper ? filters : shared).map((filter) => drawShared(filter, groups)),
    ],
  };
}

/** A client that is taken over while it joins a group is where most can be left behind: so there is some of that. */
function withTakeovers(
  actions: readonly Action[],
  { networkMs, nodes, store }: Plan,
  { chance, keepers }: Groups,
): readonly Action[] {
  const often = chance.pick([0, 0.2, 0.6]);
  const soonMs = 2 * networkMs[1] + 8 * store.latencyMs[1] + 1;
  return actions.flatMap((action): readonly Action[] => {
    if ((action.do !== "subscribe" && action.do !== "connect") || !chance.chance(often)) return [action];
    const { client } = action;
    const clean = client >= keepers && chance.chance(0.5);
    const at = action.at + chance.below(soonMs);
    const old = chance.pick(["close", "keep", "vanish"] as const);
    return [action, { at, do: "connect", client, node: chance.below(nodes.length), clean, will: false, old }];
  });
}

function drawShared(filter: string, { chance, takesQos0 }: Groups): FilterPlan {
  return {
    filter,
    qos: takesQos0 && chance.chance(0.4) ? 0 : chance.pick([1, 2, 2] as const),
    noLocal: false,
    retainAsPublished: chance.chance(0.3),
    retainHandling: chance.pick([0, 1, 2] as const),
    ...(chance.chance(0.3) ? { identifier: 11 + chance.below(9) } : {}),
  };
}

function asActions(action: Action, clients: readonly ClientPlan[], groups: Groups): readonly Action[] {
  const { chance, filters, keepers, retains } = groups;
  const isKeeper = "client" in action && action.client < keepers;
  switch (action.do) {
    case "publish":
      // Most of it is for the groups.
      if (action.topic.startsWith(FORBIDDEN) && chance.chance(0.8)) return [];
      return [{ ...action, padding: 0, ...(retains && chance.chance(0.3) ? { retain: true } : {}) }];
    case "hostPublish":
      return action.topic.startsWith(FORBIDDEN) ? [] : [action];
    case "connect": {
      if (!isKeeper) return [chance.chance(0.3) ? { ...action, clean: true } : action];
      const { expiry: _expiry, ...rest } = action;
      return [{ ...rest, clean: false }];
    }
    case "disconnect": {
      if (!isKeeper) return [chance.chance(0.4) ? { ...action, expiry: 0 } : action];
      const { expiry: _expiry, ...rest } = action;
      return [rest];
    }
    case "end":
      return isKeeper ? [] : [action];
    case "subscribe": {
      const isV5 = clients[action.client]?.version === 5;
      if (isV5 && chance.chance(0.05)) return [{ at: action.at, do: "sharesNoLocal", client: action.client }];
      const isShared = chance.chance(0.7) || (retains && !isV5);
      if (isShared) return [{ ...action, filter: drawShared(chance.pick(filters), groups) }];
      return [{ ...action, filter: { ...action.filter, retainHandling: 2 } }];
    }
    case "unsubscribe":
      return isKeeper ? [] : [{ ...action, filter: chance.chance(0.7) ? chance.pick(filters) : action.filter }];
    case "rude":
      return [];
    default:
      return [action];
  }
}
