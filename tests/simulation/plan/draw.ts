/**
 * Draws a plan from a seed. Each run has a few themes, so that what is rare in the world is not rare here.
 *
 * @module
 */
import { type Random, random } from "../../../src/testing/mod.ts";
import { type PageAction, withPages } from "./pages.ts";
import { drawRules } from "./rules.ts";
import {
  type Action,
  type BrokerPlan,
  type ClientPlan,
  type FaultPlan,
  type FilterPlan,
  type Level,
  type NodePlan,
  type Plan,
  RUDENESS,
  type StorePlan,
} from "./plan.ts";

/** What a run is about; each theme makes its own kind of trouble likelier. */
const THEMES = [
  "plain",
  "takeover",
  "storeFaults",
  "crashes",
  "acquireCrash",
  "fullQueue",
  "expiryEdge",
  "wills",
  "fanOut",
  "slow",
  "rude",
  "clocks",
  "cleanStarts",
  "sweeps",
  "subscriptions",
  "quota",
] as const;
type Theme = (typeof THEMES)[number];

const TOPICS = ["t/0", "t/0", "t/1", "t/1", "u/0", "u/0", "no/0"] as const;
/** Without the last: a 3.1.1 client is not told that it may not publish there. */
const OPEN_TOPICS = TOPICS.slice(0, -1);
const FILTERS = ["t/0", "t/1", "t/+", "t/#", "#", "+/0", "u/0", "t/0/#", "no/0"] as const;
const WRAPS_ONE_IN = 400;

/** What the parts of a plan are drawn from. */
class Draw {
  readonly chance: Random;
  readonly themes: ReadonlySet<Theme>;

  constructor(seed: number) {
    this.chance = random(seed);
    const count = 1 + this.chance.below(3);
    this.themes = new Set(Array.from({ length: count }, () => this.chance.pick(THEMES)));
  }

  has(theme: Theme): boolean {
    return this.themes.has(theme);
  }
  between(least: number, most: number): number {
    return least + this.chance.below(most - least + 1);
  }
  level(): Level {
    return this.chance.pick([0, 1, 1, 2, 2] as const);
  }
  /** One of these, if the theme is there, or seldom. */
  likely(theme: Theme, otherwise = 0.1, often = 0.7): boolean {
    return this.chance.chance(this.has(theme) ? often : otherwise);
  }
}

/** The plan of a seed. */
export function drawPlan(seed: number): Plan {
  return withPages(drawPlanWithoutPages(seed));
}

/** The plan of a seed before some of its clients become pages. */
export function drawPlanWithoutPages(seed: number): Plan {
  const draw = new Draw(seed);
  const { chance } = draw;
  const wraps = seed % WRAPS_ONE_IN === 0;
  const isCalm = chance.chance(0.3);
  const lengthMs = draw.between(2_500, 9_000);
  const nodes = drawNodes(draw, isCalm);
  const clients = Array.from({ length: draw.between(2, draw.has("fanOut") ? 7 : 4) }, () => drawClient(draw));
  const store = drawStore(draw, isCalm);
  const networkMs: readonly [number, number] = isCalm && chance.chance(0.5) ? [0, 0] : [1, draw.between(2, 60)];
  const actions = drawActions(draw, nodes.length, clients, lengthMs, isCalm);
  return {
    seed,
    store: wraps ? { ...withoutOutbox(store), kind: "memory", wraps: 0 } : store,
    broker: { ...drawBroker(draw), ...drawRules(seed) },
    nodes,
    clients: wraps ? clients.map((client, index) => index === 0 ? wrapping(client) : client) : clients,
    networkMs,
    bytes: chance.chance(0.15),
    actions: actions.sort((a, b) => a.at - b.at),
    faults: isCalm ? [] : drawFaults(draw, nodes.length),
    lengthMs,
  };
}

function drawNodes(draw: Draw, isCalm: boolean): readonly NodePlan[] {
  const count = draw.chance.pick([1, 2, 2, 2, 3]);
  return Array.from({ length: count }, () => ({
    clockMs: !isCalm && draw.likely("clocks", 0.1) ? draw.between(-900, 900) : 0,
    ...(draw.chance.chance(0.2) ? { wokenEveryMs: draw.between(300, 1_500) } : {}),
  }));
}

function drawStore(draw: Draw, isCalm: boolean): StorePlan {
  const { chance } = draw;
  const kind = chance.pick(["memory", "memory", "memory", "keyValue"] as const);
  const isSlow = !isCalm || chance.chance(0.3);
  return {
    kind,
    limits: chance.pick(["none", "denoKv", "denoKv", "tight"] as const),
    ...(draw.likely("fanOut", 0.15) ? { maxReceivers: draw.between(1, 3) } : {}),
    delivery: chance.chance(0.15) ? "outbox" : "commit",
    watch: chance.chance(0.6),
    latencyMs: isSlow ? [0, draw.between(1, 30)] : [0, 0],
  };
}

/** Messages stand in logs at once. */
function withoutOutbox({ maxReceivers: _few, ...store }: StorePlan): StorePlan {
  return { ...store, delivery: "commit" };
}

function drawBroker(draw: Draw): BrokerPlan {
  const { chance } = draw;
  const isFull = draw.likely("fullQueue", 0.05, 0.9);
  const isNarrow = draw.likely("quota", 0.2);
  return {
    leaseMs: draw.between(6, 10) * 1_000,
    queueMessages: isFull ? draw.between(1, 6) : 1_000,
    whenFull: chance.pick(["dropOldest", "dropNewest", "reject"]),
    queueQos0: chance.chance(0.3),
    sendAhead: isNarrow ? draw.between(1, 4) : 256,
    pageMessages: isNarrow ? draw.between(1, 5) : 128,
    maximumInFlight: isNarrow ? draw.between(1, 5) : 1_024,
    receiveMaximum: isNarrow ? draw.between(1, 5) : 64,
    maximumSessionExpiryInterval: draw.likely("expiryEdge", 0.05, 0.3) ? draw.between(1, 3) : 0xffff_ffff,
    ...(chance.chance(0.2) ? { verdictMs: [0, draw.between(1, 40)] as const } : {}),
  };
}

function drawFilter(draw: Draw): FilterPlan {
  const { chance } = draw;
  return {
    filter: chance.pick(FILTERS),
    qos: chance.pick([0, 1, 2, 2] as const),
    noLocal: chance.chance(0.15),
    retainAsPublished: chance.chance(0.3),
    ...(chance.chance(0.3) ? { identifier: draw.between(1, 9) } : {}),
  };
}

function drawClient(draw: Draw): ClientPlan {
  const { chance } = draw;
  const filters = new Map(Array.from({ length: chance.below(3) }, () => {
    const filter = drawFilter(draw);
    return [filter.filter, filter] as const;
  }));
  if (filters.size === 0 && chance.chance(0.7)) {
    const identifier = chance.chance(0.5) ? { identifier: 1 } : {};
    filters.set("t/#", { filter: "t/#", qos: 2, noLocal: false, retainAsPublished: false, ...identifier });
  }
  const returns = !draw.likely("wills", 0.15, 0.3) && !draw.likely("expiryEdge", 0.05, 0.2);
  return {
    version: chance.pick([4, 5, 5]),
    keepAlive: chance.pick([0, 2, 3, 5]),
    sessionExpiryInterval: draw.likely("expiryEdge", 0.2, 0.7)
      ? draw.between(0, 4)
      : chance.pick([0, 600, 0xffff_ffff]),
    ...(draw.likely("quota", 0.15) ? { receiveMaximum: draw.between(1, 5) } : {}),
    ...(draw.likely("slow", 0.05, 0.3) ? { maximumPacketSize: draw.between(60, 110) } : {}),
    usesAliases: chance.chance(0.15),
    filters: [...filters.values()],
    ...(draw.likely("wills", 0.15, 0.8)
      ? { will: { topic: chance.pick(OPEN_TOPICS), qos: draw.level(), delay: draw.between(0, 3) } }
      : {}),
    answersAfterMs: draw.likely("slow", 0.1) ? draw.between(1, 700) : 0,
    firstPacketId: chance.chance(0.15) ? draw.between(65_525, 65_535) : 1,
    isRude: draw.likely("rude", 0.02, 0.4),
    returns,
  };
}

/** Stays, so that its log comes to the place where identifiers begin anew. */
function wrapping(client: ClientPlan): ClientPlan {
  return { ...client, version: 5, sessionExpiryInterval: 600, returns: true, isRude: false };
}

function drawFaults(draw: Draw, nodes: number): readonly FaultPlan[] {
  const { chance } = draw;
  const faults: FaultPlan[] = [];
  const count = draw.has("storeFaults") ? draw.between(3, 14) : chance.below(3);
  for (let index = 0; index < count; index++) {
    const call = chance.pick([undefined, undefined, "commit", "commit", "acquire", "read", "readQueue", "renewNode"]);
    faults.push({
      node: chance.below(nodes),
      ...(call === undefined ? {} : { call }),
      nth: call === undefined ? draw.between(1, 200) : draw.between(1, 25),
      fault: chance.pick([
        "failsBefore",
        "failsAfter",
        "failsUnknown",
        "startsLate",
        "answersLate",
        "neverStarts",
        "replyLost",
      ]),
      ms: chance.chance(0.3) ? draw.between(1_000, 6_000) : draw.between(5, 900),
    });
  }
  const deaths = draw.has("crashes") ? draw.between(1, 4) : draw.has("acquireCrash") ? draw.between(1, 3) : 0;
  for (let index = 0; index < deaths; index++) {
    const call = draw.has("acquireCrash") ? "acquire" : chance.pick([undefined, "commit", "readOutbox", "read"]);
    faults.push({
      node: chance.below(nodes),
      ...(call === undefined ? {} : { call }),
      nth: call === undefined ? draw.between(1, 200) : draw.between(1, 12),
      fault: chance.pick(["crashBefore", "crashAfter"]),
      ms: draw.between(0, 3_000),
    });
  }
  return faults;
}

function drawActions(
  draw: Draw,
  nodes: number,
  clients: readonly ClientPlan[],
  lengthMs: number,
  isCalm: boolean,
): Action[] {
  const actions: Action[] = clients.map((_, client) => ({
    at: draw.between(0, 30),
    do: "connect",
    client,
    node: draw.chance.below(nodes),
    clean: draw.chance.chance(0.5),
    will: true,
    old: "close",
  }));
  const count = draw.between(12, 36);
  for (let index = 0; index < count; index++) {
    actions.push(...drawOne(draw, draw.between(100, lengthMs), nodes, clients, isCalm));
  }
  return actions;
}

/** What is drawn for every client; what happens to pages alone is drawn apart. */
type Kind =
  | Exclude<Exclude<Action, PageAction>["do"], "sharesNoLocal" | "inspect" | "reauthenticate">
  | "publishes"
  | "edge";

/** How often each kind of thing happens, beside its theme. */
function drawKind(draw: Draw, isCalm: boolean): Kind {
  const weights: readonly (readonly [kind: Kind, weight: number])[] = [
    ["publishes", 30],
    ["connect", draw.has("takeover") ? 12 : draw.has("cleanStarts") ? 8 : 4],
    ["edge", draw.has("expiryEdge") ? 10 : 1],
    ["disconnect", draw.has("wills") || draw.has("expiryEdge") ? 8 : 3],
    ["cut", draw.has("wills") ? 8 : 4],
    ["subscribe", draw.has("subscriptions") ? 10 : 2],
    ["unsubscribe", draw.has("subscriptions") ? 6 : 1],
    ["holdAnswers", draw.has("slow") || draw.has("quota") ? 6 : 2],
    ["stopReading", isCalm ? 0 : draw.has("slow") ? 5 : 1],
    ["rude", draw.has("rude") ? 12 : 0],
    ["crash", isCalm ? 0 : draw.has("crashes") ? 5 : 1],
    ["shutdown", draw.has("crashes") ? 3 : 1],
    ["clock", !isCalm && draw.has("clocks") ? 6 : 0],
    ["runDue", draw.has("sweeps") ? 12 : 1],
    ["end", draw.has("sweeps") ? 4 : 1],
    ["hostPublish", 2],
    ["ping", 1],
  ];
  let dice = draw.chance.below(weights.reduce((sum, [, weight]) => sum + weight, 0));
  for (const [kind, weight] of weights) if ((dice -= weight) < 0) return kind;
  return "publishes";
}

function drawOne(
  draw: Draw,
  at: number,
  nodes: number,
  clients: readonly ClientPlan[],
  isCalm: boolean,
): readonly Action[] {
  const { chance } = draw;
  const client = chance.below(clients.length);
  const node = chance.below(nodes);
  // The index is one of theirs.
  const own = clients[client] as ClientPlan;
  const kind = drawKind(draw, isCalm);
  switch (kind) {
    case "publishes":
    case "publish":
      return [drawPublish(draw, at, client, own)];
    case "connect":
      return drawConnect(draw, at, client, node, nodes);
    case "edge":
      return drawEdge(draw, at, client, node);
    case "disconnect": {
      const expiry = chance.chance(0.3) ? { expiry: draw.between(0, 3) } : {};
      return [{ at, do: kind, client, reasonCode: chance.chance(0.3) ? 4 : 0, waits: chance.chance(0.5), ...expiry }];
    }
    case "cut":
      return [{ at, do: kind, client, silent: !isCalm && chance.chance(0.4) }];
    case "subscribe":
      return [{ at, do: kind, client, filter: drawFilter(draw) }];
    case "unsubscribe":
      return [{ at, do: kind, client, filter: own.filters[0]?.filter ?? "t/#" }];
    case "holdAnswers":
    case "stopReading":
      return [{ at, do: kind, client, ms: draw.between(50, 1_500) }];
    case "rude":
      return own.isRude ? [{ at, do: kind, client, how: chance.pick(RUDENESS) }] : [];
    case "crash":
    case "shutdown":
      return [{ at, do: kind, node, forMs: draw.between(0, 2_500) }];
    case "clock":
      return [{ at, do: kind, node, byMs: draw.between(-1_500, 1_500) }];
    case "runDue":
      // Everywhere at once: two may find the same work.
      return Array.from({ length: nodes }, (_, each) => ({ at: at + chance.below(3), do: kind, node: each }));
    case "end":
      return [{ at, do: kind, client, node }];
    case "hostPublish":
      return [{ at, do: kind, node, topic: chance.pick(TOPICS), qos: draw.level() }];
    case "ping":
      return [{ at, do: kind, client }];
    default:
      return kind satisfies never;
  }
}

function drawPublish(draw: Draw, at: number, client: number, { version }: ClientPlan): Action {
  const { chance } = draw;
  return {
    at,
    do: "publish",
    client,
    topic: chance.pick(version === 5 ? TOPICS : OPEN_TOPICS),
    qos: draw.level(),
    ...(chance.chance(0.15) ? { expiry: draw.between(1, 3) } : {}),
    times: chance.chance(0.3) ? draw.between(2, 8) : 1,
    padding: draw.likely("slow", 0.05, 0.3) ? draw.between(10, 90) : 0,
  };
}

/** A connection, with a second device that goes on where the plan says so. */
function drawConnect(draw: Draw, at: number, client: number, node: number, nodes: number): readonly Action[] {
  const { chance } = draw;
  const old = chance.pick(["close", "vanish", "keep"] as const);
  const clean = draw.likely("cleanStarts", 0.1, 0.5);
  const expiry = chance.chance(0.15) ? { expiry: draw.between(0, 5) } : {};
  const connect: Action = { at, do: "connect", client, node, clean, will: chance.chance(0.7), old, ...expiry };
  const second = { do: "publish", client, qos: 1, times: 1, padding: 0, second: true } as const;
  const late = Array.from(
    { length: old === "keep" ? draw.between(1, 3) : 0 },
    (): Action => ({ ...second, at: at + draw.between(0, 80), topic: chance.pick(OPEN_TOPICS) }),
  );
  // A race of the same client for two nodes.
  const race: Action[] = draw.likely("takeover", 0.05, 0.3)
    ? [{ ...connect, at: at + chance.below(20), node: (node + 1) % nodes, old: chance.pick(["vanish", "keep"]) }]
    : [];
  return [connect, ...race, ...late];
}

/** Goes, and is back in the very moment in which its session ends. */
function drawEdge(draw: Draw, at: number, client: number, node: number): readonly Action[] {
  const leaves: Action = draw.chance.chance(0.5)
    ? { at, do: "disconnect", client, reasonCode: 0, waits: draw.chance.chance(0.5), expiry: draw.between(1, 3) }
    : { at, do: "cut", client, silent: false };
  const atExpiry = draw.chance.pick([-1, 0, 0, 1]);
  return [
    leaves,
    { at: at + 400, do: "connect", client, node, clean: false, will: true, old: "close", atExpiry },
  ];
}
