/** Traces written by hand, to see what the oracle says of them. */
import assert from "node:assert/strict";
import type {
  Observation,
  SessionReport,
  UsageReport,
  WireConnack,
  WireConnect,
  WirePacket,
  WirePublish,
  WireWill,
  WorldBounds,
} from "../oracle/observation.ts";
import { Oracle } from "../oracle/oracle.ts";

type Level = 0 | 1 | 2;

/** A packet takes 10 ms at most, and a lost connection is known after 100. */
const BOUNDS: WorldBounds = {
  networkMs: 10,
  clockMs: 0,
  detachMs: 100,
  dueMs: 50,
  queueIsLimited: false,
  queueQos0: false,
};

/** How a client connects: anew and with an interval of 600 s, unless it says otherwise. */
export interface ConnectOptions extends Partial<Omit<WireConnect, "type" | "clientId">> {
  /** `undefined` where CONNACK never comes. */
  readonly connack?: Partial<WireConnack> | undefined;
}

/** What happens in a world, a millisecond for each thing. */
export class Trace {
  readonly observations: Observation[] = [];
  now = 1_000_000;
  readonly #oracle: Oracle;
  readonly #clients = new Set<string>();
  #connections = 0;

  constructor(bounds: Partial<WorldBounds> = {}) {
    this.#oracle = new Oracle({ ...BOUNDS, ...bounds });
  }

  /** The rules that were broken so far, each once. */
  get broken(): readonly string[] {
    return [...new Set(this.#oracle.violations.map(({ rule }) => rule))];
  }
  /** All that was found, to read. */
  get found(): string {
    return this.#oracle.violations.map(({ rule, client, message }) => `${rule}: ${client} ${message}`).join("\n");
  }

  see(observation: Observation): void {
    this.now++;
    this.observations.push(observation);
    this.#oracle.see(observation);
  }

  passes(ms: number): void {
    this.now += ms;
  }

  opens(client: string): Link {
    this.#clients.add(client);
    const connection = ++this.#connections;
    this.see({ type: "opened", at: this.now, client, connection });
    return new Link(this, client, connection);
  }

  /** Opens, connects and is accepted. */
  connects(client: string, options: ConnectOptions = {}): Link {
    const { connack, ...connect } = options;
    const link = this.opens(client);
    const interval = connect.protocolVersion === 4 ? {} : { sessionExpiryInterval: 600 };
    link.sends({
      type: "connect",
      protocolVersion: 5,
      clientId: client,
      cleanStart: true,
      keepAlive: 0,
      ...interval,
      ...connect,
    });
    if (!("connack" in options) || connack !== undefined) {
      link.gets({ type: "connack", sessionPresent: false, reasonCode: 0, ...connack });
    }
    return link;
  }

  /** Comes back to its session. */
  resumes(client: string, options: ConnectOptions = {}): Link {
    return this.connects(client, { cleanStart: false, connack: { sessionPresent: true }, ...options });
  }

  /** All is at rest; what is reported of a session is that it is there and that nothing waits, unless said otherwise. */
  rests(
    reports: Readonly<Record<string, Partial<SessionReport>>> = {},
    usages: readonly UsageReport[] = [],
  ): void {
    this.passes(10_000);
    const all = [...this.#clients].map((client): SessionReport => {
      return { client, exists: true, queuedMessages: 0, dropped: {}, ...reports[client] };
    });
    const groups = Object.entries(reports).filter(([name]) => name.startsWith("$share/")).map(([client, report]) => {
      return { client, exists: true, queuedMessages: 0, dropped: {}, ...report };
    });
    this.#oracle.finish(this.now, [...all, ...groups], usages);
  }
}

/** One network connection. */
export class Link {
  readonly number: number;
  readonly client: string;
  readonly #trace: Trace;
  #ids = 0;

  constructor(trace: Trace, client: string, number: number) {
    this.#trace = trace;
    this.client = client;
    this.number = number;
  }

  sends(...packets: readonly WirePacket[]): void {
    for (const packet of packets) {
      this.#trace.see({ type: "sent", at: this.#trace.now, connection: this.number, packet });
    }
  }
  gets(...packets: readonly WirePacket[]): void {
    for (const packet of packets) {
      this.#trace.see({ type: "received", at: this.#trace.now, connection: this.number, packet });
    }
  }
  closes(by: "client" | "server" | "broken" = "broken"): void {
    this.#trace.see({ type: "closed", at: this.#trace.now, connection: this.number, by });
  }
  /** Takes its leave, and the server closes. */
  disconnects(): void {
    this.sends({ type: "disconnect", reasonCode: 0 });
    this.closes("server");
  }

  /** Subscribes and is granted what it asked for. */
  subscribes(filter: string, qos: Level = 2, options: SubscribeOptions = {}): void {
    const packetId = this.#nextId();
    this.sends(subscribe(packetId, filter, qos, options));
    this.gets({ type: "suback", packetId, reasonCodes: [qos] });
  }

  /** Publishes to `t` with QoS 1, or as said, and is answered. */
  publishes(text: string, options: PublishOptions = {}): void {
    const packetId = this.#nextId();
    const packet = publish(text, { id: packetId, ...options });
    this.sends(packet);
    if (packet.qos === 0 || packet.packetId === undefined) return;
    this.gets({ type: packet.qos === 1 ? "puback" : "pubrec", packetId: packet.packetId, reasonCode: 0 });
    if (packet.qos === 1) return;
    this.sends(release("pubrel", packet.packetId));
    this.gets(release("pubcomp", packet.packetId));
  }

  /** Gets a message and answers all that it has to. */
  takes(text: string, options: PublishOptions = {}): void {
    const packet = publish(text, options);
    this.gets(packet);
    const { packetId } = packet;
    if (packetId === undefined) return;
    if (packet.qos === 1) return this.sends(release("puback", packetId));
    this.sends(release("pubrec", packetId));
    this.gets(release("pubrel", packetId));
    this.sends(release("pubcomp", packetId));
  }

  #nextId(): number {
    return ++this.#ids;
  }
}

/** What may be said of a PUBLISH. */
export interface PublishOptions extends Partial<Omit<WirePublish, "type" | "packetId" | "payload">> {
  readonly id?: number;
}

/** A PUBLISH to `t` with QoS 1 and identifier 1, or as said. */
export function publish(text: string, options: PublishOptions = {}): WirePublish {
  const { id = 1, ...rest } = options;
  const packet = {
    type: "publish",
    topic: "t",
    payload: bytes(text),
    qos: 1,
    retain: false,
    dup: false,
    ...rest,
  } as const;
  return packet.qos === 0 ? packet : { ...packet, packetId: id };
}

interface SubscribeOptions {
  readonly noLocal?: boolean;
  readonly retainAsPublished?: boolean;
  readonly identifier?: number;
}

/** A SUBSCRIBE to one filter. */
export function subscribe(packetId: number, filter: string, qos: Level, options: SubscribeOptions = {}): WirePacket {
  const { noLocal = false, retainAsPublished = false, identifier } = options;
  const subscriptions = [{ filter, qos, noLocal, retainAsPublished }];
  const named = identifier === undefined ? {} : { subscriptionIdentifier: identifier };
  return { type: "subscribe", packetId, subscriptions, ...named };
}

/** PUBACK, PUBREC, PUBREL or PUBCOMP. */
export function release(
  type: "puback" | "pubrec" | "pubrel" | "pubcomp",
  packetId: number,
  reasonCode = 0,
): WirePacket {
  return { type, packetId, reasonCode };
}

/** A Will to `t` with QoS 1. */
export function will(text: string, options: Partial<WireWill> = {}): WireWill {
  return { topic: "t", payload: bytes(text), qos: 1, retain: false, ...options };
}

/** A text as a payload. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A trace of which the oracle has nothing to say. */
export function legal(name: string, write: (trace: Trace) => void, bounds: Partial<WorldBounds> = {}): void {
  Deno.test(`the oracle bears ${name}`, () => {
    const trace = new Trace(bounds);
    write(trace);
    assert.deepEqual(trace.broken, [], trace.found);
  });
}

/** A trace that breaks exactly one rule. */
export function illegal(
  rule: string,
  name: string,
  write: (trace: Trace) => void,
  bounds: Partial<WorldBounds> = {},
): void {
  Deno.test(`the oracle sees that "${rule}" is broken by ${name}`, () => {
    const trace = new Trace(bounds);
    write(trace);
    assert.deepEqual(trace.broken, [rule], trace.found);
  });
}

/** A subscriber to everything and a publisher. */
export function pair(trace: Trace): { readonly reader: Link; readonly writer: Link } {
  const reader = trace.connects("reader");
  reader.subscribes("#", 2);
  return { reader, writer: trace.connects("writer") };
}
