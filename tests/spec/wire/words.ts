/**
 * The words in which scenarios are written: each gives steps, which are data.
 *
 * @module
 */
import type { Feature, Fields, Piece, Scenario, Step, Value, Version } from "./scenario.ts";

/** Both versions. */
export const VERSIONS: readonly Version[] = [4, 5];

/** What a scenario is about, besides its steps. */
export interface About {
  readonly needs?: readonly Feature[];
  readonly strength?: "must" | "should";
}

/** A scenario of one version. Rows are named in one text: `LC-04 LC-11`. */
export function scenario(rows: string, name: string, version: Version, steps: Steps, about: About = {}): Scenario {
  return {
    name,
    rows: rows.split(" ").flatMap((row) => row[1] !== ":" ? [row] : row[0] === `${version}` ? [row.slice(2)] : []),
    version,
    strength: about.strength ?? "must",
    needs: about.needs ?? [],
    steps: flattened(steps),
  };
}

function flattened(steps: Steps): readonly Step[] {
  return steps.flatMap((step) => "do" in step ? [step] : flattened(step));
}

/** The same story in both versions. A row of one version has it in front: `LC-11 5:LC-04 4:LC-06`. */
export function inBoth(
  rows: string,
  name: string,
  steps: (version: Version) => Steps,
  about: About = {},
): readonly Scenario[] {
  return VERSIONS.map((version) => scenario(rows, name, version, steps(version), about));
}

/** Steps, one by one or as words give them. */
export interface Steps extends ReadonlyArray<Step | Steps> {}

/** How a client connects, but for what most scenarios do not care about. */
export interface ConnectWords {
  /** `~` and the client's name unless said otherwise. */
  readonly id?: string;
  /** Clean Start; CleanSession in 3.1.1. */
  readonly clean?: boolean;
  readonly keepAlive?: number;
  readonly will?: Fields;
  readonly properties?: Fields;
  /** Sends nothing that the scenario does not say: no acknowledgement by itself. */
  readonly manual?: boolean;
}

/** Opens a connection, and sends nothing. */
export function open(client: string, version: Version, manual = false): Step {
  return { do: "open", client, version, manual };
}

/** CONNECT on a connection that is open. */
export function sendConnect(client: string, version: Version, words: ConnectWords = {}): Step {
  return send(client, connectPacket(client, version, words));
}

/** A CONNECT packet. */
export function connectPacket(client: string, version: Version, words: ConnectWords = {}): Fields {
  const { id = `~${client}`, clean = true, keepAlive = 0, will, properties } = words;
  return {
    cmd: "connect",
    protocolId: "MQTT",
    protocolVersion: version,
    clientId: id,
    clean,
    keepalive: keepAlive,
    ...(will === undefined ? {} : { will }),
    ...(properties === undefined || version === 4 ? {} : { properties }),
  };
}

/** Connects, and is accepted with this Session Present. */
export function connect(
  client: string,
  version: Version,
  words: ConnectWords = {},
  connack: Fields = {},
): readonly Step[] {
  return [
    open(client, version, words.manual),
    sendConnect(client, version, words),
    next(client, { cmd: "connack", sessionPresent: false, ...accepted(version), ...connack }),
  ];
}

/** Connects to a session that is there. */
export function resume(
  client: string,
  version: Version,
  words: ConnectWords = {},
  connack: Fields = {},
): readonly Step[] {
  return connect(client, version, lasting(version, words), { sessionPresent: true, ...connack });
}

/** Connects to a session that outlives the connection; it is new. It has a subscription: some brokers keep no other. */
export function begin(client: string, version: Version, words: ConnectWords = {}): readonly Step[] {
  return [...connect(client, version, lasting(version, words)), ...subscribe(client, "~/own", 0)];
}

/** A session that outlives its connection: in 5.0 for an hour. */
export function lasting(version: Version, words: ConnectWords = {}): ConnectWords {
  const properties = { ...(version === 5 ? { sessionExpiryInterval: 3_600 } : {}), ...words.properties };
  return { clean: false, ...words, properties };
}

/** The code of an accepted CONNECT. */
export function accepted(version: Version): Fields {
  return version === 5 ? { reasonCode: 0 } : { returnCode: 0 };
}

/** Sends packets together. */
export function send(client: string, ...packets: readonly Fields[]): Step {
  return { do: "send", client, packets };
}

/** Sends what no codec would write. */
export function sendRaw(client: string, header: number, ...body: readonly Piece[]): Step {
  return { do: "sendRaw", client, header, body };
}

/** The next packet of its kind has these fields. */
export function expect(client: string, packet: Fields, notBeforeMs?: number): Step {
  return { do: "expect", client, packet, which: "kind", ...(notBeforeMs === undefined ? {} : { notBeforeMs }) };
}

/** The very next packet has these fields. */
export function next(client: string, packet: Fields): Step {
  return { do: "expect", client, packet, which: "next" };
}

/** The next packet of its kind has these fields; if none comes, the broker does not have what this is about. */
export function expectIfSupported(client: string, packet: Fields, otherwiseUnsupported: string): Step {
  return { do: "expect", client, packet, which: "kind", otherwiseUnsupported };
}

/** The broker closes, and may say why by one of these codes. */
export function closed(client: string, ...codes: readonly number[]): Step {
  return { do: "closed", client, codes, besides: [] };
}

/** The broker closes without a word. */
export function closedSilently(client: string): Step {
  return closed(client, -1);
}

/** A packet with these fields comes, whatever comes before it. */
export function among(client: string, packet: Fields): Step {
  return { do: "expect", client, packet, which: "any" };
}

/** Nothing has come that was not taken. */
export function quiet(...clients: readonly string[]): readonly Step[] {
  return clients.map((client) => ({ do: "quiet", client }));
}

/** SUBSCRIBE is refused, in whichever way. */
export function refused(client: string): Step {
  return { do: "refused", client };
}

/** The connection ends without DISCONNECT. */
export function drop(client: string): Step {
  return { do: "drop", client };
}

/** DISCONNECT, upon which the broker closes. */
export function leave(client: string, fields: Fields = {}): readonly Step[] {
  return [send(client, { cmd: "disconnect", ...fields }), drop(client)];
}

/** SUBSCRIBE to one filter, granted as asked. */
export function subscribe(
  client: string,
  topic: string,
  qos: number,
  options: Fields = {},
  properties?: Fields,
): readonly Step[] {
  return [
    send(client, subscribePacket(topic, qos, options, properties)),
    expect(client, { cmd: "suback", messageId: 99, granted: [qos] }),
  ];
}

/** A SUBSCRIBE packet of one filter. */
export function subscribePacket(topic: string, qos: number, options: Fields = {}, properties?: Fields): Fields {
  return {
    cmd: "subscribe",
    messageId: 99,
    subscriptions: [{ topic, qos, ...options }],
    ...(properties === undefined ? {} : { properties }),
  };
}

/** UNSUBSCRIBE from one filter. */
export function unsubscribe(client: string, topic: string): readonly Step[] {
  return [
    send(client, { cmd: "unsubscribe", messageId: 98, unsubscriptions: [topic] }),
    expect(client, { cmd: "unsuback", messageId: 98 }),
  ];
}

/** A PUBLISH packet. */
export function message(topic: string, payload: string, qos: number, more: Fields = {}): Fields {
  return {
    cmd: "publish",
    topic,
    payload,
    qos,
    dup: false,
    retain: false,
    ...(qos === 0 ? {} : { messageId: 1 }),
    ...more,
  };
}

/** Publishes, and has the whole exchange done. */
export function publish(
  client: string,
  topic: string,
  payload: string,
  qos: 0 | 1 | 2,
  more: Fields = {},
): readonly Step[] {
  const packet = message(topic, payload, qos, more);
  const id = { messageId: packet.messageId ?? null };
  if (qos === 0) return [send(client, packet)];
  if (qos === 1) return [send(client, packet), expect(client, { cmd: "puback", ...id })];
  return [
    send(client, packet),
    expect(client, { cmd: "pubrec", ...id }),
    send(client, { cmd: "pubrel", ...id }),
    expect(client, { cmd: "pubcomp", ...id }),
  ];
}

/** A message comes, with these fields. */
export function receive(client: string, payload: string, qos: number, more: Fields = {}): Step {
  return expect(client, { cmd: "publish", payload, qos, ...more });
}

/** An acknowledgement of an identifier. */
export function ack(cmd: "puback" | "pubrec" | "pubrel" | "pubcomp", messageId: Value, more: Fields = {}): Fields {
  return { cmd, messageId, ...more };
}

/** No such field. */
export const ABSENT: Fields = { is: "absent" };

/** One of these values. */
export function oneOf(...values: readonly Value[]): Fields {
  return { is: "oneOf", values };
}

/** A number in this range. */
export function between(low: number, high: number): Fields {
  return { is: "between", low, high };
}

/** The broker dies and comes back. */
export const KILL: Step = { do: "restart", how: "kill" };

/** Lets time pass, in rows that are about time. */
export function pause(ms: number): Step {
  return { do: "pause", ms };
}

/** These names have different values. */
export function distinct(...names: readonly string[]): Step {
  return { do: "distinct", names };
}

/** Goes on only if the properties of the CONNACK are such. */
export function only(client: string, connack: Fields, otherwiseUnsupported: string): Step {
  return { do: "only", client, connack, otherwiseUnsupported };
}
