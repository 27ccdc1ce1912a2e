/** Traces of clients that keep their session, written by hand, to see what their oracle says of them. */
import assert from "node:assert/strict";
import type { Observation, WireConnack, WireConnect, WirePacket } from "../oracle/observation.ts";
import type { PageBounds, PageObservation, ToldOutcome } from "../oracle/page_observation.ts";
import { PageOracle } from "../oracle/page_oracle.ts";
import { bytes } from "./trace.ts";

type Level = 0 | 1 | 2;
type Limits = WireConnack & { readonly maximumPacketSize?: number; readonly retainAvailable?: boolean };

/** What happens to one client, a millisecond for each thing. */
export class PageTrace {
  now = 1_000_000;
  readonly #oracle: PageOracle;
  readonly #levels = new Map<string, Level>();
  #tab = 0;
  #connection = 0;

  constructor(bounds: Partial<PageBounds> = {}) {
    this.#oracle = new PageOracle({ effectMs: 10, sendsAhead: false, ...bounds });
    this.opens();
  }

  /** The rules that were broken so far, each once. */
  get broken(): readonly string[] {
    return [...new Set(this.#oracle.violations.map(({ rule }) => rule))];
  }
  /** All that was found, to read. */
  get found(): string {
    return this.#oracle.violations.map(({ rule, message }) => `${rule}: ${message}`).join("\n");
  }

  passes(ms: number): void {
    this.now += ms;
  }

  /** A page is opened; what follows is its doing. */
  opens(): void {
    this.#tab++;
    this.#tell({ type: "tabOpened" });
  }
  dies(): void {
    this.closes();
    this.#tell({ type: "tabEnded", how: "dead" });
  }

  /** It hears that another page has the session. */
  isTakenOver(): void {
    this.closes();
    this.#tell({ type: "tabEnded", how: "takenOver" });
  }

  /** Opens a connection, on which CONNECT has yet to leave. */
  dials(asksClean = false): void {
    this.#see({ type: "opened", at: this.now, client: "p", connection: ++this.#connection });
    this.#tell({ type: "dialed", connection: this.#connection, clean: asksClean });
  }

  /** Connects with a session of 600 s, and is accepted, unless it says otherwise. */
  connects(
    connect: Partial<Omit<WireConnect, "type">> & { readonly asksClean?: boolean } = {},
    connack: Partial<Limits> | undefined = { sessionPresent: connect.cleanStart === false },
  ): void {
    const { asksClean = false, ...rest } = connect;
    this.dials(asksClean);
    const plain = { protocolVersion: 5, clientId: "p", cleanStart: true, keepAlive: 0, sessionExpiryInterval: 600 };
    this.sends({ type: "connect", ...plain, ...rest });
    if (Object.keys(connack).length === 0) return;
    // Limits are properties that the oracle of the server does not look at.
    this.gets({ type: "connack", sessionPresent: false, reasonCode: 0, ...connack } as WirePacket);
  }
  resumes(): void {
    this.connects({ cleanStart: false });
  }
  /** What follows happens on an earlier connection: the first is 1. */
  goesBackTo(connection: number): void {
    this.#connection = connection;
  }

  sends(...packets: readonly WirePacket[]): void {
    for (const packet of packets) this.#see({ type: "sent", at: this.now, connection: this.#connection, packet });
  }
  gets(...packets: readonly WirePacket[]): void {
    for (const packet of packets) this.#see({ type: "received", at: this.now, connection: this.#connection, packet });
  }
  closes(): void {
    this.#see({ type: "closed", at: this.now, connection: this.#connection, by: "broken" });
  }

  /** The application publishes to `t`, and is told that it is stored. */
  publishes(text: string, qos: Level = 1, more: { readonly expiry?: number; readonly retain?: boolean } = {}): void {
    this.#levels.set(text, qos);
    this.#tell({ type: "asked", text, topic: "t", qos, retain: false, bytes: text.length, ...more });
    this.#tell({ type: "stored", text });
  }
  /** Sends what was published. */
  sendsMessage(text: string, packetId: number, more: { readonly dup?: boolean; readonly retain?: boolean } = {}): void {
    const qos = this.#levels.get(text) ?? 1;
    const identified = qos === 0 ? {} : { packetId };
    const plain = { type: "publish", topic: "t", payload: bytes(text), qos, retain: false, dup: false } as const;
    this.sends({ ...plain, ...identified, ...more });
  }
  /** Sends it and gets all answers. */
  delivers(text: string, packetId: number, more: { readonly dup?: boolean } = {}): void {
    this.sendsMessage(text, packetId, more);
    if (this.#levels.get(text) === 1) return this.gets(answer("puback", packetId));
    this.gets(answer("pubrec", packetId));
    this.sends(answer("pubrel", packetId));
    this.gets(answer("pubcomp", packetId));
  }
  /** The application asks for a good-bye. */
  leaves(expiry: number): void {
    this.#tell({ type: "disconnects", expiry });
  }
  settles(text: string, outcome: ToldOutcome): void {
    this.#tell({ type: "settled", text, outcome });
  }
  loses(text: string, reason: string): void {
    this.#tell({ type: "lost", text, reason });
  }

  /** A message comes. */
  comes(text: string, packetId: number, qos: 1 | 2 = 1): void {
    this.gets({ type: "publish", topic: "t", payload: bytes(text), qos, retain: false, dup: false, packetId });
  }
  /** It comes, and is acknowledged. */
  accepts(text: string, packetId: number, qos: 1 | 2 = 1): void {
    this.comes(text, packetId, qos);
    this.sends(answer(qos === 1 ? "puback" : "pubrec", packetId));
  }
  hands(text: string, key: string, qos: 1 | 2 = 1): void {
    this.#tell({ type: "handed", text, topic: "t", qos, key });
  }
  takes(text: string, key: string, qos: 1 | 2 = 1): void {
    this.hands(text, key, qos);
    this.#tell({ type: "taken", key });
  }

  /** All is at rest. */
  rests(
    rest: { readonly online?: boolean; readonly outgoing?: readonly string[]; readonly unhandled?: number } = {},
  ): void {
    this.#tell({ type: "atRest", online: true, outgoing: [], unhandled: 0, ...rest });
    this.#oracle.finish(this.now);
  }

  #tell(what: Told): void {
    // What is told is one of them with what all of them have.
    this.#see({ ...what, at: this.now, client: "p", tab: this.#tab } as PageObservation);
  }
  #see(observation: Observation | PageObservation): void {
    this.now++;
    this.#oracle.see(observation);
  }
}

type Told = PageObservation extends infer One ? One extends PageObservation ? Omit<One, "at" | "client" | "tab"> : never
  : never;

/** PUBACK, PUBREC, PUBREL or PUBCOMP. */
export function answer(
  type: "puback" | "pubrec" | "pubrel" | "pubcomp",
  packetId: number,
  reasonCode = 0,
): WirePacket {
  return { type, packetId, reasonCode };
}

/** A trace of which the oracle has nothing to say. */
export function legal(name: string, write: (trace: PageTrace) => void, bounds: Partial<PageBounds> = {}): void {
  Deno.test(`the oracle of clients bears ${name}`, () => {
    const trace = new PageTrace(bounds);
    write(trace);
    assert.deepEqual(trace.broken, [], trace.found);
  });
}

/** A trace that breaks exactly one rule. */
export function illegal(
  rule: string,
  name: string,
  write: (trace: PageTrace) => void,
  bounds: Partial<PageBounds> = {},
): void {
  Deno.test(`the oracle of clients sees that "${rule}" is broken by ${name}`, () => {
    const trace = new PageTrace(bounds);
    write(trace);
    assert.deepEqual(trace.broken, [`client: ${rule}`], trace.found);
  });
}
