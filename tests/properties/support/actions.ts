/**
 * What can happen in a run, as data that fast-check draws and shrinks.
 *
 * @module
 */
import fc from "fast-check";
import type { ClientPacket, ProtocolVersion, QoS } from "../../../src/machine/mod.ts";
import { payloadWith, type Verdict } from "./trace.ts";

/** The clients of a run. Each topic names the clients that its messages go to. */
export const CLIENTS = ["a", "b"] as const;
export const TOPICS = ["to/a", "to/b", "to/a/b", "to/nobody"] as const;

/** How a client connects. */
export interface ConnectAction {
  readonly do: "connect";
  readonly client: number;
  readonly version: ProtocolVersion;
  readonly cleanStart: boolean;
  readonly receiveMaximum: number | undefined;
  readonly maximumPacketSize: number | undefined;
  readonly sessionExpiryInterval: number | undefined;
  readonly willDelay: number | undefined;
  readonly keepAlive: number;
  /** What happens to the connection before it, if there is one: the client keeps it, or it hears of this soon or late. */
  readonly old: "keep" | "tell" | "tellLate";
}

/** A client that takes everything: what it connects with. */
export const WILLING: ConnectAction = {
  do: "connect",
  client: 0,
  version: 5,
  cleanStart: false,
  receiveMaximum: undefined,
  maximumPacketSize: undefined,
  sessionExpiryInterval: 0xffff_ffff,
  willDelay: undefined,
  keepAlive: 0,
  old: "tell",
};

export type Action =
  | ConnectAction
  | {
    readonly do: "publish";
    readonly client: number;
    readonly topic: number;
    readonly qos: QoS;
    readonly expiry: number | undefined;
    readonly large: boolean;
    readonly verdict: Verdict;
  }
  | { readonly do: "answer"; readonly client: number; readonly which: number; readonly reasonCode: number }
  | { readonly do: "answerAll"; readonly client: number }
  | { readonly do: "rude"; readonly client: number; readonly packet: ClientPacket; readonly verdict: Verdict }
  | { readonly do: "commit"; readonly client: number }
  | { readonly do: "pump"; readonly client: number }
  | { readonly do: "ring"; readonly client: number; readonly withMessages: boolean }
  | { readonly do: "load"; readonly client: number }
  | { readonly do: "lose"; readonly client: number; readonly hears: boolean }
  | { readonly do: "crash"; readonly client: number; readonly lease: "none" | "lapsed" | "found" }
  | {
    readonly do: "disconnect";
    readonly client: number;
    readonly reasonCode: number;
    readonly sessionExpiryInterval: number | undefined;
  }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "end"; readonly client: number }
  | { readonly do: "skip"; readonly client: number; readonly sequences: number };

const client = fc.nat(CLIENTS.length - 1);
const topic = fc.nat(TOPICS.length - 1);
const qos = fc.constantFrom<QoS>(1, 2, 0);
const verdict = fc.oneof(
  { weight: 10, arbitrary: fc.constant<Verdict>("routed") },
  { weight: 1, arbitrary: fc.constantFrom<Verdict>("refused", "refusedByCommit") },
);
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const smallId = fc.integer({ min: 1, max: 5 });
const anyCode = fc.constantFrom(0, 0, 0, 0x10, 0x80, 0x91, 0x92, 0x97);

const connect: fc.Arbitrary<ConnectAction> = fc.record({
  do: fc.constant("connect" as const),
  client,
  version: fc.constantFrom<ProtocolVersion>(5, 5, 4),
  cleanStart: fc.constantFrom(false, false, false, false, true),
  receiveMaximum: maybe(fc.integer({ min: 1, max: 4 })),
  maximumPacketSize: fc.option(fc.integer({ min: 20, max: 60 }), { nil: undefined, freq: 6 }).map((size) =>
    size === undefined || size > 45 ? undefined : size
  ),
  sessionExpiryInterval: fc.constantFrom(0xffff_ffff, 0xffff_ffff, 100, 5, 0, undefined),
  willDelay: maybe(fc.constantFrom(0, 3, 200)),
  keepAlive: fc.constantFrom(0, 0, 10),
  old: fc.constantFrom("keep" as const, "keep" as const, "tell" as const, "tellLate" as const),
});

const acknowledgement = fc.record({
  type: fc.constantFrom("puback" as const, "pubrec" as const, "pubrel" as const, "pubcomp" as const),
  packetId: smallId,
  reasonCode: anyCode,
});
const ownPublish = fc.record({
  type: fc.constant("publish" as const),
  topic: topic.map((index) => TOPICS[index] ?? ""),
  payload: fc.constant(payloadWith(0)),
  qos: fc.constantFrom<QoS>(2, 2, 1),
  retain: fc.constant(false),
  dup: fc.boolean(),
  packetId: smallId,
  properties: fc.constant({}),
});
const subscribe = fc.record({
  type: fc.constant("subscribe" as const),
  packetId: smallId,
  subscriptions: fc.array(
    fc.record({
      filter: fc.constantFrom("a/#", "+/b", "a/#/b", "c"),
      qos,
      noLocal: fc.boolean(),
      retainAsPublished: fc.boolean(),
      retainHandling: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
    }),
    { maxLength: 3 },
  ),
});
const unsubscribe = fc.record({
  type: fc.constant("unsubscribe" as const),
  packetId: smallId,
  filters: fc.array(fc.constantFrom("a/#", "+/b", "c"), { maxLength: 2 }),
});
const rudePacket: fc.Arbitrary<ClientPacket> = fc.oneof(
  { weight: 4, arbitrary: ownPublish },
  { weight: 4, arbitrary: acknowledgement as fc.Arbitrary<ClientPacket> },
  { weight: 1, arbitrary: subscribe },
  { weight: 1, arbitrary: unsubscribe },
  { weight: 1, arbitrary: fc.constant<ClientPacket>({ type: "pingreq" }) },
);

const publish = fc.record({
  do: fc.constant("publish" as const),
  client,
  topic,
  qos,
  expiry: fc.option(fc.constantFrom(1, 20), { nil: undefined, freq: 2 }),
  large: fc.constantFrom(false, false, false, true),
  verdict,
});

/** The next thing that happens. */
export const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 16, arbitrary: publish },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("answer" as const), client, which: fc.nat(3), reasonCode: anyCode }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("answerAll" as const), client }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("commit" as const), client }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("ring" as const), client, withMessages: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("load" as const), client }) },
  { weight: 10, arbitrary: connect },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("pump" as const), client }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("rude" as const), client, packet: rudePacket, verdict }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("lose" as const), client, hears: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("crash" as const),
      client,
      lease: fc.constantFrom("none" as const, "lapsed" as const, "found" as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("disconnect" as const),
      client,
      reasonCode: fc.constantFrom(0, 4),
      sessionExpiryInterval: fc.constantFrom(undefined, undefined, 0, 50),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 900, 4_000, 30_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("end" as const), client }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("skip" as const),
      client,
      sequences: fc.constantFrom(1, 65_533, 65_534, 65_535),
    }),
  },
);

/** A run: it begins with both clients connected, as most do. */
export const run: fc.Arbitrary<readonly Action[]> = fc.tuple(
  connect,
  connect,
  fc.array(action, { maxLength: 80, size: "max" }),
).map(
  ([first, second, rest]) => [{ ...first, client: 0 }, { ...second, client: 1 }, ...rest],
);
