/**
 * A step of the machine against the codec: what a session costs beside the reading and writing of its packets.
 *
 * Both sides do the same exchange in the same run, `mqtt-packet` as bytes, the machine as packets with all its checks.
 *
 * Run it: `deno run -A tests/bench/step.ts`
 *
 * @module
 */
import { generate, type Packet, parser } from "mqtt-packet";
import { Buffer } from "node:buffer";
import {
  type AcquireTerms,
  type Event,
  openSession,
  type ProtocolVersion,
  type QoS,
  type QueuedMessage,
  type Session,
  step,
  type StepResult,
} from "../../src/machine/mod.ts";
import { type BenchRow, benchRow, median } from "./row.ts";

const WARM_UP_ROUNDS = 8;
const ROUNDS = 21;
/** Exchanges in a round. */
const EXCHANGES = 4_000;
const SMALL_WINDOW = 16;
const LARGEST_WINDOW = 65_535;
const TARGET = 1 / 4;
const WINDOW_TARGET = 3;
const TOPIC = "site-1/line-2/machine-3/temperature";
const PAYLOAD = Buffer.alloc(64, 0x2a);
const NOW = 1_000_000;

/** Does one whole exchange. Answers something that depends on it, so that no work can be left out. */
type Exchange = () => number;

/** Measures both sides in alternating rounds; prints nothing. */
export function benchStep(): Promise<readonly BenchRow[]> {
  const rows = ([5, 4] as const).flatMap((version) => {
    const name = version === 5 ? "5.0" : "3.1.1";
    return [
      compare(`step outbound QoS 1, ${name}: offer, PUBACK, next send`, outbound(SMALL_WINDOW, version), {
        peer: codec(version, [["write", publish(1)], ["read", acknowledgement("puback")]]),
        target: TARGET,
      }),
      compare(`step inbound QoS 1, ${name}: PUBLISH, routed, PUBACK`, inbound(1, version), {
        peer: codec(version, [["read", publish(1)], ["write", acknowledgement("puback")]]),
        target: TARGET,
      }),
      compare(`step inbound QoS 2, ${name}: PUBLISH, routed, PUBREC, PUBREL, PUBCOMP`, inbound(2, version), {
        peer: codec(version, [
          ["read", publish(2)],
          ["write", acknowledgement("pubrec")],
          ["read", { ...acknowledgement("pubrel"), qos: 1 } as Packet],
          ["write", acknowledgement("pubcomp")],
        ]),
        target: TARGET,
      }),
    ];
  });
  const windows = compare("step outbound QoS 1: a window of 65 535 against one of 16", outbound(LARGEST_WINDOW, 5), {
    peer: outbound(SMALL_WINDOW, 5),
    target: WINDOW_TARGET,
  });
  return Promise.resolve([...rows, windows]);
}

function compare(name: string, ours: Exchange, { peer, target }: { peer: Exchange; target: number }): BenchRow {
  const times: Record<"ours" | "peer", number[]> = { ours: [], peer: [] };
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    // Who goes first changes, so that neither always finds the caches as the other left them.
    const order = round % 2 === 0 ? ["ours", "peer"] as const : ["peer", "ours"] as const;
    for (const side of order) {
      const time = run(name, side === "ours" ? ours : peer);
      if (round >= 0) times[side].push(time);
    }
  }
  return benchRow({ name, ours: median(times.ours), peer: median(times.peer), unit: "µs" }, target);
}

/** Microseconds an exchange. */
function run(name: string, exchange: Exchange): number {
  let done = 0;
  const before = performance.now();
  for (let count = 0; count < EXCHANGES; count++) done += exchange();
  const elapsed = performance.now() - before;
  if (done < EXCHANGES) throw new Error(`Cannot run "${name}": found ${done} of ${EXCHANGES} exchanges done`);
  return elapsed * 1_000 / EXCHANGES;
}

/** A full window: a message is offered, the oldest one acknowledged, and with that the next one sent. */
function outbound(window: number, version: ProtocolVersion): Exchange {
  const session = connected(window, version);
  let tail = 0;
  const offer = () => {
    tail += 1;
    return step(session, { type: "messagesAppended", tail, messages: [queued(tail)] }, NOW);
  };
  const inFlight: number[] = [];
  for (let count = 0; count < window; count++) inFlight.push(sentId(offer()));
  let oldest = 0;
  return () => {
    offer();
    const packetId = inFlight[oldest] ?? 0;
    const acknowledged = step(session, {
      type: "packetReceived",
      packet: { type: "puback", packetId, reasonCode: 0 },
    }, NOW);
    inFlight[oldest] = sentId(acknowledged);
    oldest = (oldest + 1) % window;
    return acknowledged.changes.length > 0 && packetId > 0 ? 1 : 0;
  };
}

/** A message comes in, is routed to one receiver and acknowledged, at QoS 2 with all four packets. */
function inbound(qos: QoS, version: ProtocolVersion): Exchange {
  const session = connected(SMALL_WINDOW, version);
  let packetId = 0;
  return () => {
    packetId = packetId % 65_535 + 1;
    const { requests } = step(session, {
      type: "packetReceived",
      packet: {
        type: "publish",
        topic: TOPIC,
        payload: PAYLOAD,
        qos,
        retain: false,
        dup: false,
        packetId,
        properties: {},
      },
    }, NOW);
    const request = requests[0];
    if (request?.type !== "routePublish") return 0;
    const routed = step(session, { type: "publishRouted", ref: request.ref, receivers: 1 }, NOW);
    if (qos === 1) return routed.effects.length;
    const released = step(session, {
      type: "packetReceived",
      packet: { type: "pubrel", packetId, reasonCode: 0 },
    }, NOW);
    return released.changes.length;
  };
}

/** A session that has just been acquired, with nothing in its log. */
function connected(window: number, version: ProtocolVersion): Session {
  const session = openSession(undefined, { role: "server", limits: { maximumInFlight: window } });
  step(session, { type: "connectionOpened" }, NOW);
  const connect = {
    type: "connect",
    protocolVersion: version,
    clientId: "c",
    cleanStart: false,
    keepAlive: 0,
  } as const;
  step(session, { type: "packetReceived", packet: connect }, NOW);
  const { requests } = step(session, { type: "authenticated", clientId: "c", assigned: false }, NOW);
  const request = requests[0];
  if (request?.type !== "acquire") throw new Error("Cannot connect: found no acquire");
  step(session, acquired(request.terms), NOW);
  return session;
}

function acquired(terms: AcquireTerms): Event {
  return {
    type: "sessionAcquired",
    snapshot: {
      clientId: terms.clientId,
      incarnation: "life-1",
      head: { ...terms.head, sentLimit: terms.sendAhead },
      subscriptions: new Map(),
      outbound: new Map(),
      quarantine: new Set(),
      inbound: new Set(),
    },
    resumed: false,
    startedThrough: 0,
    messages: [],
    through: 0,
    tail: 0,
  };
}

function queued(sequence: number): QueuedMessage {
  return {
    topic: TOPIC,
    payload: PAYLOAD,
    qos: 1,
    retain: false,
    properties: {},
    publisher: "p",
    publishedAt: NOW,
    sequence,
    subscriptionIdentifiers: [],
  };
}

function sentId({ effects }: StepResult): number {
  for (const effect of effects) {
    if (effect.type === "sendPacket" && effect.packet.type === "publish") return effect.packet.packetId ?? 0;
  }
  return 0;
}

/** The same packets through `mqtt-packet`: one parser for all, and a buffer for each packet, as a broker has it. */
function codec(version: ProtocolVersion, packets: readonly (readonly ["read" | "write", Packet])[]): Exchange {
  const options = { protocolVersion: version };
  const parsing = parser(options);
  let parsed = 0;
  parsing.on("packet", () => parsed += 1);
  const reads = packets.filter(([way]) => way === "read").length;
  const steps = packets.map(([way, packet]) => ({ way, packet, bytes: generate(packet, options) }));
  return () => {
    const before = parsed;
    let bytes = 0;
    for (const { way, packet, bytes: encoded } of steps) {
      if (way === "read") parsing.parse(encoded);
      else bytes += generate(packet, options).length;
    }
    return parsed - before === reads && bytes > 0 ? 1 : 0;
  };
}

function publish(qos: QoS): Packet {
  return { cmd: "publish", topic: TOPIC, payload: PAYLOAD, qos, dup: false, retain: false, messageId: 4_711 };
}

function acknowledgement(cmd: "puback" | "pubrec" | "pubrel" | "pubcomp"): Packet {
  return { cmd, messageId: 4_711 };
}

if (import.meta.main) console.table(await benchStep());
