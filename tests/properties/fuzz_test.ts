import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type ClientPacket,
  type ConnectPacket,
  type Event,
  openSession,
  type Request,
  type Session,
  snapshot,
  step,
} from "../../src/machine/mod.ts";
import { checkedStep, packetOf } from "./support/link.ts";

/** More than any of these packets can cause: an effect or a change for each filter, and a few for the rest. */
const MOST_OUTPUTS = 64;
const NOW = 1_000_000;

const number = fc.oneof(
  fc.integer({ min: 0, max: 7 }),
  fc.integer({ min: 0, max: 65_540 }),
  fc.constantFrom(-1, 0x80, 0xff, 65_535, 65_536, 268_435_455, 268_435_456, 0xffff_ffff, 2 ** 53, 0.5, NaN, Infinity),
);
const text = fc.oneof(
  fc.constantFrom("", "a", "a/b", "+", "#", "$share/g/a", "$share//a", "\0", "\ud800"),
  fc.string(),
);
const bytes = fc.uint8Array({ maxLength: 8 });
const pairs = fc.array(fc.tuple(text, text), { maxLength: 2 });

const properties = fc.record({
  payloadFormatIndicator: number,
  contentType: text,
  responseTopic: text,
  correlationData: bytes,
  userProperties: pairs,
}, { requiredKeys: [] });
const will = fc.record({
  topic: text,
  payload: bytes,
  qos: number,
  retain: fc.boolean(),
  properties,
  willDelayInterval: number,
});
const connect = fc.record({
  type: fc.constant("connect"),
  protocolVersion: fc.oneof(fc.constantFrom(4, 5), number),
  clientId: text,
  cleanStart: fc.boolean(),
  keepAlive: number,
  will,
  username: text,
  password: bytes,
  sessionExpiryInterval: number,
  receiveMaximum: number,
  maximumPacketSize: number,
  topicAliasMaximum: number,
  authenticationMethod: fc.oneof(fc.constant("M"), text),
  authenticationData: bytes,
}, { requiredKeys: ["type", "protocolVersion", "clientId", "cleanStart", "keepAlive"] });
const publish = fc.record({
  type: fc.constant("publish"),
  topic: text,
  payload: bytes,
  qos: number,
  retain: fc.boolean(),
  dup: fc.boolean(),
  packetId: number,
  properties,
  messageExpiryInterval: number,
  topicAlias: number,
  subscriptionIdentifiers: fc.array(number, { maxLength: 2 }),
}, { requiredKeys: ["type", "topic", "payload", "qos", "retain", "dup", "properties"] });
const response = fc.record({
  type: fc.constantFrom("puback", "pubrec", "pubrel", "pubcomp"),
  packetId: number,
  reasonCode: number,
  reasonString: text,
}, { requiredKeys: ["type", "packetId", "reasonCode"] });
const subscribe = fc.record({
  type: fc.constant("subscribe"),
  packetId: number,
  subscriptions: fc.array(
    fc.record({
      filter: text,
      qos: number,
      noLocal: fc.boolean(),
      retainAsPublished: fc.boolean(),
      retainHandling: number,
    }),
    { maxLength: 4 },
  ),
  subscriptionIdentifier: number,
}, { requiredKeys: ["type", "packetId", "subscriptions"] });
const unsubscribe = fc.record({
  type: fc.constant("unsubscribe"),
  packetId: number,
  filters: fc.array(text, { maxLength: 4 }),
});
const disconnect = fc.record({
  type: fc.constant("disconnect"),
  reasonCode: number,
  sessionExpiryInterval: number,
}, { requiredKeys: ["type", "reasonCode"] });
const rest = fc.record({ type: fc.constantFrom("pingreq", "auth"), reasonCode: number }, { requiredKeys: ["type"] });
const auth = fc.record({
  type: fc.constant("auth"),
  reasonCode: fc.oneof({ weight: 6, arbitrary: fc.constantFrom(0x18, 0x19) }, number),
  authenticationMethod: fc.oneof({ weight: 6, arbitrary: fc.constant("M") }, text),
}, { requiredKeys: ["type", "reasonCode"] });

// Of the right shape, but with numbers and texts that the types rule out: a codec may let any of them through.
const packet = fc.oneof(
  { weight: 4, arbitrary: publish },
  { weight: 4, arbitrary: response },
  { weight: 2, arbitrary: subscribe },
  unsubscribe,
  disconnect,
  rest,
  auth,
  connect,
) as fc.Arbitrary<unknown> as fc.Arbitrary<ClientPacket>;
const firstPacket = connect as fc.Arbitrary<unknown> as fc.Arbitrary<ConnectPacket>;

/** The host's answer to a request; a new session with three messages waiting for each acquire. */
function answer(session: Session, request: Request): Event | undefined {
  switch (request.type) {
    case "reauthenticate":
      return { type: "authenticationContinued" };
    case "authenticateStep":
      return session.online ? { type: "reauthenticated" } : { type: "authenticated", clientId: "c", assigned: false };
    case "authenticate":
      if (request.connect.authenticationMethod !== undefined) return { type: "authenticationContinued" };
      return { type: "authenticated", clientId: "c", assigned: false };
    case "acquire": {
      const base = { topic: "t", payload: new Uint8Array(4), retain: false, properties: {}, publisher: "p" };
      const messages = ([1, 2, 0] as const).map((qos, at) => ({
        ...base,
        qos,
        publishedAt: NOW,
        sequence: at + 1,
        subscriptionIdentifiers: [],
      }));
      return {
        type: "sessionAcquired",
        snapshot: {
          clientId: "c",
          incarnation: "life-1",
          head: { ...request.terms.head, sentLimit: request.terms.sendAhead },
          ...(request.terms.will === undefined ? {} : { will: request.terms.will }),
          subscriptions: new Map(),
          outbound: new Map(),
          quarantine: new Set(),
          inbound: new Set([1, 2]),
        },
        resumed: true,
        startedThrough: 0,
        messages,
        through: 3,
        tail: 3,
      };
    }
    case "routePublish":
      return { type: "publishRouted", ref: request.ref, receivers: 1 };
    case "authorizeSubscribe":
      return { type: "subscribeAuthorized", ref: request.ref, verdicts: request.subscriptions.map(() => 2) };
    case "loadQueue":
      return undefined;
    case "loadRetained": {
      const base = { topic: "t", payload: new Uint8Array(4), retain: true, properties: {}, publisher: "p" };
      return {
        type: "retainedLoaded",
        ref: request.ref,
        messages: [{ ...base, qos: 1, publishedAt: NOW }],
        after: "t",
      };
    }
    default:
      return request satisfies never;
  }
}

function feed(packets: readonly ClientPacket[]): void {
  const limits = { retainAvailable: true, authenticationMethods: ["M"] };
  const session = openSession(undefined, { role: "server", limits });
  step(session, { type: "connectionOpened" }, NOW);
  for (const [index, packet] of packets.entries()) {
    const events: Event[] = [{ type: "packetReceived", packet }];
    let outputs = 0;
    for (let event = events.shift(); event !== undefined; event = events.shift()) {
      const { requests, changes, effects } = checkedStep(session, event, NOW + index);
      outputs += requests.length + changes.length + effects.length;
      assert.ok(outputs <= MOST_OUTPUTS, `${outputs} outputs for a ${packet.type}`);
      for (const sent of effects.flatMap(packetOf)) checkIdentifier(sent);
      events.push(...requests.flatMap((request) => answer(session, request) ?? []));
    }
    for (const id of snapshot(session)?.inbound ?? []) assert.ok(isIdentifier(id), `inbound id ${id} is stored`);
  }
}

function checkIdentifier(sent: { readonly type: string; readonly packetId?: number }): void {
  if (sent.packetId !== undefined) assert.ok(isIdentifier(sent.packetId), `${sent.type} with id ${sent.packetId}`);
}

function isIdentifier(id: number): boolean {
  return Number.isInteger(id) && id >= 1 && id <= 65_535;
}

const good: ConnectPacket = {
  type: "connect",
  protocolVersion: 5,
  clientId: "c",
  cleanStart: false,
  keepAlive: 0,
  sessionExpiryInterval: 60,
};

Deno.test("no packet makes step throw or put out more than the packet can cause, whatever its numbers and texts", () => {
  const versions = fc.constantFrom<4 | 5>(4, 5);
  fc.assert(
    fc.property(versions, fc.array(packet, { maxLength: 12, size: "max" }), (protocolVersion, packets) => {
      const { sessionExpiryInterval: _v5, ...both } = good;
      feed([protocolVersion === 5 ? good : { ...both, protocolVersion }, ...packets]);
    }),
    { numRuns: 4_000 },
  );
});

Deno.test("no first packet makes step throw, whatever its numbers and texts", () => {
  fc.assert(fc.property(fc.oneof(firstPacket, packet), packet, (first, second) => feed([first, second])), {
    numRuns: 2_000,
  });
});
