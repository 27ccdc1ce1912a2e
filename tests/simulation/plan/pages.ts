/**
 * Pages: clients that are made of this package, each over a store of its own that outlives it.
 *
 * What is drawn here comes from a source of chance of its own: worlds without pages stay as they are.
 *
 * @module
 */
import { type Random, random } from "../../../src/testing/mod.ts";
import type { Fault } from "../../../src/testing/mod.ts";
import type { Action, ClientPlan, Plan, StorePlan } from "./plan.ts";

/** A client that is a page. */
export interface PagePlan {
  /** Where its session lives; `wraps`, receivers and outboxes are not for pages. */
  readonly store: Pick<StorePlan, "kind" | "limits" | "latencyMs">;
  /** Whether pages of one origin know of each other by locks, or by the store alone. */
  readonly locks: boolean;
  /** The application takes so long for a message, in milliseconds. */
  readonly handlesMs: number;
  /** Of so many messages the application does not take one at first; 0 takes all. */
  readonly failsOneIn: number;
  /** Absent is what the client does by itself. */
  readonly sendAhead?: number;
  readonly maximumInFlight: number;
  readonly pageMessages: number;
  readonly queueMessages: number;
  readonly maximumUnhandled: number;
}

/** What happens to pages alone. */
export type PageAction =
  /** The page ends, where it stands or in order, and another one opens later. */
  | {
    readonly do: "reload";
    readonly client: number;
    readonly how: "dies" | "leaves";
    readonly forMs: number;
  }
  /** A second page opens beside the first, which goes on until it hears of it. */
  | { readonly do: "tab"; readonly client: number; readonly connects: boolean }
  /** There is no network for so long. */
  | { readonly do: "offline"; readonly client: number; readonly forMs: number };

/** What goes wrong with the so-manyth call of a page to its store, or the so-manyth packet that it sends. */
export interface PageFaultPlan {
  readonly client: number;
  /** A call of the store, or `send`. */
  readonly call?: string;
  readonly nth: number;
  /** `crashBefore`, `crashAfter`: the page dies then. Of `send` there is nothing else. */
  readonly fault: Fault | "crashBefore" | "crashAfter";
  /** For late ones, and for how long there is no page. */
  readonly ms: number;
}

/** Of so many worlds one has pages; of those from this seed on each has. */
const PAGES_ONE_IN = 12;
export const PAGES_FROM = 10_000_000;

const FAULTS = [
  "failsBefore",
  "failsAfter",
  "failsUnknown",
  "startsLate",
  "answersLate",
  "neverStarts",
  "replyLost",
] as const;
const CALLS = {
  memory: [undefined, "commit", "commit", "commit", "acquire", "read", "readQueue"],
  keyValue: [undefined, "commit", "commit", "get", "list"],
} as const;

/** The plan with pages in it, where its seed says so. */
export function withPages(plan: Plan): Plan {
  const chance = random(plan.seed ^ 0x9a6e5);
  if (plan.store.wraps !== undefined) return plan;
  if (plan.seed < PAGES_FROM && chance.below(PAGES_ONE_IN) > 0) return plan;
  // A server that takes little is only for clients that look at what it takes.
  const isStrict = chance.chance(0.2);
  const isCalm = chance.chance(0.3);
  const clients = plan.clients.map((client, index) =>
    index === 0 || isStrict || chance.chance(0.4) ? asPage(client, chance, isStrict) : client
  );
  const actions = clients.flatMap((client, index) =>
    client.page === undefined ? [] : drawPageActions(plan, client, index, chance)
  );
  const pageFaults = clients.flatMap(({ page }, index) =>
    page === undefined || isCalm ? [] : drawPageFaults(page, index, chance)
  );
  return {
    ...plan,
    broker: isStrict ? strict(plan, chance) : plan.broker,
    clients,
    actions: [...plan.actions, ...actions].sort((a, b) => a.at - b.at),
    pageFaults,
  };
}

function strict({ broker }: Plan, chance: Random): Plan["broker"] {
  return {
    ...broker,
    maximumQoS: chance.pick([1, 2, 2] as const),
    ...(chance.chance(0.5) ? { maximumPacketSize: 40 + chance.below(60) } : {}),
  };
}

function asPage(client: ClientPlan, chance: Random, isStrict: boolean): ClientPlan {
  const { receiveMaximum, maximumPacketSize: _size, ...plain } = client;
  const isNarrow = chance.chance(0.3);
  const isSlow = chance.chance(0.4);
  return {
    ...plain,
    ...(receiveMaximum === undefined ? {} : { receiveMaximum }),
    ...(isStrict ? { version: 5 } : {}),
    // A server that takes no QoS 2 refuses a Will of that level.
    ...(isStrict && plain.will?.qos === 2 ? { will: { ...plain.will, qos: 1 } } : {}),
    usesAliases: false,
    isRude: false,
    returns: true,
    answersAfterMs: 0,
    firstPacketId: 1,
    page: {
      store: {
        kind: chance.pick(["memory", "memory", "keyValue"]),
        limits: chance.pick(["none", "denoKv", "tight"]),
        latencyMs: chance.chance(0.3) ? [0, 0] : [0, 1 + chance.below(25)],
      },
      locks: chance.chance(0.5),
      handlesMs: isSlow ? chance.below(200) : 0,
      failsOneIn: chance.chance(0.2) ? 2 + chance.below(8) : 0,
      ...(isNarrow && chance.chance(0.5) ? { sendAhead: 1 + chance.below(4) } : {}),
      maximumInFlight: isNarrow ? 1 + chance.below(5) : 1_024,
      pageMessages: isNarrow ? 1 + chance.below(5) : 128,
      queueMessages: chance.chance(0.1) ? 1 + chance.below(6) : 100_000,
      maximumUnhandled: chance.chance(0.1) ? 1 + chance.below(4) : 1_000,
    },
  };
}

function drawPageActions(
  { lengthMs }: Plan,
  { version }: ClientPlan,
  client: number,
  chance: Random,
): readonly Action[] {
  const when = () => 100 + chance.below(lengthMs - 100);
  const publish = (at: number): Action => ({
    at,
    do: "publish",
    client,
    topic: chance.pick(["t/0", "t/1", "u/0"]),
    qos: chance.pick([0, 1, 1, 2, 2, 2]),
    times: chance.pick([1, 1, 2, 5]),
    padding: chance.chance(0.2) ? 10 + chance.below(60) : 0,
    ...(version === 5 && chance.chance(0.05) ? { retain: true } : {}),
    ...(chance.chance(0.15) ? { expiry: 1 + chance.below(3) } : {}),
  });
  const actions: Action[] = Array.from({ length: 2 + chance.below(8) }, () => publish(when()));
  for (let times = chance.below(4); times > 0; times--) {
    const at = when();
    const how = chance.pick(["dies", "dies", "leaves"] as const);
    actions.push({ at, do: "reload", client, how, forMs: chance.chance(0.5) ? 0 : chance.below(1_500) });
    if (how === "dies") actions.push(publish(Math.max(0, at - chance.below(40))));
  }
  for (let times = chance.below(3); times > 0; times--) {
    const at = when();
    actions.push({ at, do: "tab", client, connects: chance.chance(0.7) });
    for (let late = chance.below(3); late > 0; late--) {
      actions.push({ ...publish(at + chance.below(120)), second: true } as Action);
    }
  }
  for (let times = chance.below(3); times > 0; times--) {
    const at = when();
    const forMs = 200 + chance.below(3_000);
    actions.push({ at, do: "offline", client, forMs });
    for (let more = 1 + chance.below(3); more > 0; more--) actions.push(publish(at + chance.below(forMs)));
  }
  return actions;
}

function drawPageFaults({ store: { kind } }: PagePlan, client: number, chance: Random): readonly PageFaultPlan[] {
  const faults: PageFaultPlan[] = [];
  for (let times = chance.below(6); times > 0; times--) {
    const call = chance.pick<string | undefined>(CALLS[kind]);
    faults.push({
      client,
      ...(call === undefined ? {} : { call }),
      nth: 1 + chance.below(call === "commit" || call === undefined ? 60 : 8),
      fault: chance.pick(FAULTS),
      ms: chance.chance(0.3) ? 1_000 + chance.below(5_000) : 5 + chance.below(900),
    });
  }
  for (let times = chance.below(3); times > 0; times--) {
    const call = chance.pick<string | undefined>([...CALLS[kind], "send", "send", "send"]);
    faults.push({
      client,
      ...(call === undefined ? {} : { call }),
      nth: 1 + chance.below(call === "commit" || call === "send" || call === undefined ? 40 : 8),
      fault: chance.pick(["crashBefore", "crashAfter"] as const),
      ms: chance.below(1_500),
    });
  }
  return faults;
}
