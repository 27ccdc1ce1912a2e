/**
 * Arbitraries of well-formed packets of every type, for both protocol levels.
 *
 * They keep to what `mqtt-packet` can carry without loss, where its limits are narrower than MQTT's.
 *
 * @module
 */
import fc from "fast-check";
import type { MessageProperties, UserProperty } from "../../src/mqtt/message.ts";
import type {
  AuthPacket,
  ClientPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  ProtocolVersion,
  PublishPacket,
  PublishResponse,
  ServerPacket,
  SubackPacket,
  SubscribePacket,
  SubscriptionRequest,
  UnsubackPacket,
  UnsubscribePacket,
} from "../../src/mqtt/packet.ts";
import { isLegalReasonCode, REASON, type ReasonedPacketType } from "../../src/mqtt/reason_code.ts";
import type { Will } from "../../src/mqtt/will.ts";

/** A packet of any direction. */
export type AnyPacket = ClientPacket | ServerPacket;

/** Well-formed text of any script, 1 to 4 bytes a character. */
export const text: fc.Arbitrary<string> = fc.string({ unit: "binary", maxLength: 40 });
const someText: fc.Arbitrary<string> = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });

/** Plain bytes, sometimes enough of them for a length of two or three bytes. */
export const bytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 20_000 }).map((length) => new Uint8Array(length)) },
).map((array) => new Uint8Array(array));

const uint16 = fc.integer({ min: 0, max: 0xffff });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const bit = fc.constantFrom(0 as const, 1 as const);
const identifier = fc.oneof(
  fc.integer({ min: 1, max: 268_435_455 }),
  fc.constantFrom(1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455),
);

/** Pairs in an order that a parser grouping them by name keeps: a name's values stand together, none is empty. */
const userProperties: fc.Arbitrary<readonly UserProperty[]> = fc.uniqueArray(
  fc.tuple(text.filter((name) => !/^\d+$/.test(name)), fc.array(someText, { minLength: 1, maxLength: 3 })),
  { selector: ([name]) => name, minLength: 1, maxLength: 3 },
).map((groups) => groups.flatMap(([name, values]) => values.map((value): UserProperty => [name, value])));

type Arbitraries<Shape> = { readonly [Member in keyof Shape]-?: fc.Arbitrary<Exclude<Shape[Member], undefined>> };

/** An object with these members, and any of those. */
function record<Shape extends object>(
  required: Partial<Arbitraries<Shape>>,
  optional: Partial<Arbitraries<Shape>> = {},
): fc.Arbitrary<Shape> {
  // True as long as a caller names every member that the shape requires, and gives no member as undefined.
  const model = { ...required, ...optional } as Record<string, fc.Arbitrary<unknown>>;
  return fc.record(model, { requiredKeys: Object.keys(required), noNullPrototype: true }) as fc.Arbitrary<Shape>;
}

function reasonCode(type: ReasonedPacketType): fc.Arbitrary<number> {
  const legal = Object.values(REASON).filter((code) =>
    isLegalReasonCode(type, "client", code) || isLegalReasonCode(type, "server", code)
  );
  return fc.constantFrom(...legal);
}

const only = <Value>(value: Value): fc.Arbitrary<Value> => fc.constant(value);
const problem = { reasonString: text, userProperties };
const messageProperties = record<MessageProperties>({}, {
  payloadFormatIndicator: bit,
  contentType: text,
  responseTopic: text,
  correlationData: bytes,
  userProperties,
});

function will(version: ProtocolVersion): fc.Arbitrary<Will> {
  const base = { topic: someText, payload: bytes, qos, retain: fc.boolean() };
  return version === 4
    ? record<Will>({ ...base, properties: only({}), willDelayInterval: only(0) })
    : record<Will>({ ...base, properties: messageProperties, willDelayInterval: uint32 }, {
      messageExpiryInterval: uint32,
    });
}

/** CONNECT with a Client Identifier, which `mqtt-packet` wants unless the session starts clean. */
export function connect(version: ProtocolVersion): fc.Arbitrary<ConnectPacket> {
  const base = {
    type: only("connect" as const),
    protocolVersion: only(version),
    clientId: someText,
    cleanStart: fc.boolean(),
    keepAlive: uint16,
  };
  const more = { will: will(version), username: text, password: bytes };
  const connect = version === 4 ? record<ConnectPacket>(base, more) : record<ConnectPacket>(base, {
    ...more,
    sessionExpiryInterval: uint32,
    receiveMaximum: uint16,
    maximumPacketSize: uint32,
    topicAliasMaximum: uint16,
    requestResponseInformation: fc.boolean(),
    requestProblemInformation: fc.boolean(),
    authenticationMethod: text,
    authenticationData: bytes,
    userProperties,
  });
  return connect.map(({ password, ...rest }) =>
    password === undefined || rest.username === undefined ? rest : { ...rest, password }
  );
}

/** CONNACK with any of its properties. */
export function connack(version: ProtocolVersion): fc.Arbitrary<ConnackPacket> {
  const base = { type: only("connack" as const), sessionPresent: fc.boolean() };
  if (version === 4) return record<ConnackPacket>({ ...base, reasonCode: fc.integer({ min: 0, max: 5 }) });
  return record<ConnackPacket>({ ...base, reasonCode: reasonCode("connack") }, {
    ...problem,
    sessionExpiryInterval: uint32,
    receiveMaximum: uint16,
    maximumQoS: bit,
    retainAvailable: fc.boolean(),
    maximumPacketSize: uint32,
    assignedClientIdentifier: text,
    topicAliasMaximum: uint16,
    wildcardSubscriptionAvailable: fc.boolean(),
    subscriptionIdentifiersAvailable: fc.boolean(),
    sharedSubscriptionAvailable: fc.boolean(),
    serverKeepAlive: uint16,
    responseInformation: text,
    serverReference: text,
    authenticationMethod: text,
    authenticationData: bytes,
  });
}

/** PUBLISH at any level, with a Packet Identifier where it has one. */
export function publish(version: ProtocolVersion): fc.Arbitrary<PublishPacket> {
  const base = { type: only("publish" as const), topic: text, payload: bytes, retain: fc.boolean(), dup: fc.boolean() };
  const whole = version === 4
    ? record<PublishPacket>({ ...base, qos, properties: only({}) })
    : record<PublishPacket>({ ...base, qos, properties: messageProperties }, {
      messageExpiryInterval: uint32,
      topicAlias: uint16,
      subscriptionIdentifiers: fc.array(identifier, { minLength: 1, maxLength: 3 }),
    });
  return fc.tuple(whole, uint16).map(([packet, packetId]) => packet.qos === 0 ? packet : { ...packet, packetId });
}

type ResponseType = "puback" | "pubrec" | "pubrel" | "pubcomp";
type Response = Extract<AnyPacket, { readonly type: ResponseType }>;

/** PUBACK and its kin. */
export function response(version: ProtocolVersion): fc.Arbitrary<Response> {
  return fc.constantFrom("puback" as const, "pubrec" as const, "pubrel" as const, "pubcomp" as const).chain((type) => {
    const base = { type: only(type), packetId: uint16 };
    const whole = version === 4
      ? record<PublishResponse<ResponseType>>({ ...base, reasonCode: only(0) })
      : record<PublishResponse<ResponseType>>({ ...base, reasonCode: reasonCode(type) }, problem);
    // True because the four kinds differ in nothing but their type.
    return whole as fc.Arbitrary<Response>;
  });
}

/** SUBSCRIBE with at least one filter, which `mqtt-packet` wants. */
export function subscribe(version: ProtocolVersion): fc.Arbitrary<SubscribePacket> {
  const request = version === 4
    ? record<SubscriptionRequest>({
      filter: text,
      qos,
      noLocal: only(false),
      retainAsPublished: only(false),
      retainHandling: only(0 as const),
    })
    : record<SubscriptionRequest>({
      filter: text,
      qos,
      noLocal: fc.boolean(),
      retainAsPublished: fc.boolean(),
      retainHandling: qos,
    });
  return record<SubscribePacket>(
    {
      type: only("subscribe" as const),
      packetId: uint16,
      subscriptions: fc.array(request, { minLength: 1, maxLength: 5 }),
    },
    version === 4 ? {} : { subscriptionIdentifier: identifier, userProperties },
  );
}

/** UNSUBSCRIBE with at least one filter, which `mqtt-packet` wants. */
export function unsubscribe(version: ProtocolVersion): fc.Arbitrary<UnsubscribePacket> {
  return record<UnsubscribePacket>(
    {
      type: only("unsubscribe" as const),
      packetId: uint16,
      filters: fc.array(text, { minLength: 1, maxLength: 5 }),
    },
    version === 4 ? {} : { userProperties },
  );
}

/** SUBACK with at least one code. */
export function suback(version: ProtocolVersion): fc.Arbitrary<SubackPacket> {
  const code = version === 4 ? fc.constantFrom(0, 1, 2, 0x80) : reasonCode("suback");
  return record<SubackPacket>(
    {
      type: only("suback" as const),
      packetId: uint16,
      reasonCodes: fc.array(code, { minLength: 1, maxLength: 200 }),
    },
    version === 4 ? {} : problem,
  );
}

/** UNSUBACK: with codes in 5.0, without in 3.1.1. */
export function unsuback(version: ProtocolVersion): fc.Arbitrary<UnsubackPacket> {
  const base = { type: only("unsuback" as const), packetId: uint16 };
  if (version === 4) return record<UnsubackPacket>({ ...base, reasonCodes: only([]) });
  return record<UnsubackPacket>({
    ...base,
    reasonCodes: fc.array(reasonCode("unsuback"), { minLength: 1, maxLength: 200 }),
  }, problem);
}

/** DISCONNECT, of either side. */
export function disconnect(version: ProtocolVersion): fc.Arbitrary<DisconnectPacket> {
  const base = { type: only("disconnect" as const) };
  if (version === 4) return record<DisconnectPacket>({ ...base, reasonCode: only(0) });
  return record<DisconnectPacket>({ ...base, reasonCode: reasonCode("disconnect") }, {
    ...problem,
    sessionExpiryInterval: uint32,
    serverReference: text,
  });
}

/** AUTH, which 5.0 alone has. */
export const auth: fc.Arbitrary<AuthPacket> = record<AuthPacket>({
  type: only("auth" as const),
  reasonCode: reasonCode("auth"),
}, {
  ...problem,
  authenticationMethod: text,
  authenticationData: bytes,
});

/** Every packet but CONNECT. */
export function sizedPacket(version: ProtocolVersion): fc.Arbitrary<Exclude<AnyPacket, ConnectPacket>> {
  return fc.oneof(
    publish(version),
    response(version),
    connack(version),
    subscribe(version),
    unsubscribe(version),
    suback(version),
    unsuback(version),
    disconnect(version),
    fc.constantFrom({ type: "pingreq" } as const, { type: "pingresp" } as const),
    ...(version === 5 ? [auth] : []),
  );
}

/** Every packet. */
export function anyPacket(version: ProtocolVersion): fc.Arbitrary<AnyPacket> {
  return fc.oneof({ weight: 1, arbitrary: connect(version) }, { weight: 9, arbitrary: sizedPacket(version) });
}
