/**
 * Plays a scenario to a broker.
 *
 * @module
 */
import { rawBytes } from "./codec.ts";
import { type Bindings, mismatch, resolved, unique } from "./match.ts";
import { Deviation, Peer } from "./peer.ts";
import type { Fields, Scenario, Step, Value } from "./scenario.ts";

/** What a scenario is played with. */
export interface Stage {
  readonly url: string;
  /** Letters and digits that no other scenario of any run has. */
  readonly letters: string;
  /** How long an answer may take. */
  readonly deadlineMs: number;
  /** Ends the broker and starts it again. */
  readonly restart: () => Promise<void>;
}

/** How it went. */
export interface Played {
  readonly outcome: "passed" | "failed" | "unsupported";
  /** What was wrong or lacking. */
  readonly why?: string;
  /** What went over the wire. */
  readonly trace: readonly string[];
}

/** The broker does not have what the scenario is about. */
class Unsupported extends Error {}

/** Plays a scenario, and tells when it is over but for clearing up. Rejects when the broker cannot be reached, or when the scenario itself is wrong. */
export async function play(scenario: Scenario, stage: Stage, over: () => void = () => {}): Promise<Played> {
  const player = new Player(stage);
  try {
    for (const [index, step] of scenario.steps.entries()) {
      try {
        await player.take(step);
      } catch (error) {
        if (error instanceof Unsupported) return { outcome: "unsupported", why: error.message, trace: player.trace };
        if (!(error instanceof Deviation)) throw new Error(`Cannot play "${scenario.name}"`, { cause: error });
        const why = `${error.message} [step ${index + 1}: ${described(step)}]`;
        return { outcome: "failed", why, trace: player.trace };
      }
    }
    return { outcome: "passed", trace: player.trace };
  } finally {
    over();
    await player.end();
  }
}

function described(step: Step): string {
  const client = "client" in step ? ` ${step.client}` : "";
  return `${step.do}${client}${step.do === "expect" ? ` ${JSON.stringify(step.packet)}` : ""}`;
}

class Player {
  readonly trace: string[] = [];
  readonly #stage: Stage;
  readonly #peers = new Map<string, Peer>();
  readonly #all: Peer[] = [];
  readonly #bindings: Bindings = new Map();
  /** Client identifiers of sessions that may have been left behind. */
  readonly #lasting = new Set<string>();
  #markedAt = performance.now();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async take(step: Step): Promise<void> {
    const { deadlineMs, letters, url } = this.#stage;
    switch (step.do) {
      case "open": {
        const { client, version, manual } = step;
        const trace = (line: string) => this.trace.push(`${client} ${line}`);
        const peer = await Peer.open(url, { version, manual, trace });
        this.#peers.set(client, peer);
        this.#all.push(peer);
        return;
      }
      case "send": {
        const packets = step.packets.map((packet) => resolved(unique(packet, letters), this.#bindings) as Fields);
        for (const { cmd, clientId } of packets) {
          if (cmd === "connect" && typeof clientId === "string" && clientId !== "") this.#lasting.add(clientId);
        }
        this.#peer(step.client).send(...packets);
        return;
      }
      case "sendRaw": {
        const bytes = rawBytes(step.header, unique(step.body, letters), this.#bindings);
        this.trace.push(`${step.client} > ${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ")}`);
        this.#peer(step.client).sendBytes(bytes);
        return;
      }
      case "expect":
        await this.#expect(step);
        return;
      case "closed":
        await this.#closed(step);
        return;
      case "quiet": {
        const peer = this.#peer(step.client);
        peer.send({ cmd: "pingreq" });
        await peer.take(({ cmd }) => cmd === "pingresp", deadlineMs);
        const [extra] = peer.inbox;
        if (extra !== undefined) throw new Deviation(`unexpected: ${JSON.stringify(extra)}`);
        return;
      }
      case "drop":
        this.#markedAt = performance.now();
        await this.#peer(step.client).drop();
        return;
      case "forget":
        this.#peers.delete(step.client);
        return;
      case "mark":
        this.#markedAt = performance.now();
        return;
      case "pause":
        await new Promise((resolve) => setTimeout(resolve, step.ms));
        return;
      case "restart":
        await this.#stage.restart();
        this.#peers.clear();
        return;
      case "only": {
        const properties = this.#peer(step.client).connack?.properties ?? {};
        if (mismatch(step.connack, properties, this.#bindings) !== undefined) {
          throw new Unsupported(step.otherwiseUnsupported);
        }
        return;
      }
      case "distinct": {
        const values = step.names.map((name) => resolved(name, this.#bindings));
        if (new Set(values).size < values.length) throw new Deviation(`the same: ${JSON.stringify(values)}`);
        return;
      }
      case "gather": {
        const found = new Set<Value>();
        for (;;) {
          const { payload, properties } = await this.#peer(step.client).take(
            ({ cmd }) => cmd === "publish",
            deadlineMs,
          );
          if (payload === step.until) break;
          const { subscriptionIdentifier } = { ...properties as Fields | undefined };
          for (const each of [subscriptionIdentifier ?? "none"].flat()) found.add(each);
        }
        const reason = mismatch([...step.identifiers], [...found].toSorted(), new Map(), "the identifiers");
        if (reason !== undefined) throw new Deviation(reason);
        return;
      }
      case "refused": {
        const peer = this.#peer(step.client);
        const suback = await peer.take(({ cmd }) => cmd === "suback", deadlineMs).catch(() => undefined);
        const codes = suback?.granted as readonly number[] | undefined;
        if (codes?.some((code) => code < 0x80)) throw new Deviation(`SUBACK has ${JSON.stringify(codes)}`);
        if (suback === undefined && !peer.isClosed) throw new Deviation("neither SUBACK nor the end came");
        return;
      }
      case "flood": {
        const packet = unique(step.packet, letters);
        const times = Number(resolved(step.times, this.#bindings)) + 1;
        const packets = Array.from({ length: times }, (_, index) => ({ ...packet, messageId: index + 1 }));
        this.#peer(step.client).send(...packets);
        return;
      }
    }
    step satisfies never;
  }

  async #expect(step: Step & { readonly do: "expect" }): Promise<void> {
    const expected = unique(step.packet, this.#stage.letters);
    const isWanted = (packet: Fields): boolean => {
      if (step.which === "next") return true;
      if (step.which === "kind") return packet.cmd === expected.cmd;
      return mismatch(expected, packet, new Map(this.#bindings)) === undefined;
    };
    let found: Fields;
    try {
      found = await this.#peer(step.client).take(isWanted, this.#stage.deadlineMs);
    } catch (error) {
      if (error instanceof Deviation && step.otherwiseUnsupported !== undefined) {
        throw new Unsupported(step.otherwiseUnsupported);
      }
      throw error;
    }
    const reason = mismatch(expected, found, this.#bindings);
    if (reason !== undefined) throw new Deviation(`${reason} in ${JSON.stringify(found)}`);
    this.#notBefore(step.notBeforeMs);
  }

  async #closed(step: Step & { readonly do: "closed" }): Promise<void> {
    const peer = this.#peer(step.client);
    const wasConnected = peer.connack !== undefined && !peer.inbox.some(({ cmd }) => cmd === "connack");
    await peer.closed(this.#stage.deadlineMs);
    this.#notBefore(step.notBeforeMs);
    const words = peer.inbox.filter(({ cmd }) => !step.besides.includes(String(cmd)));
    for (const word of words) {
      const isKind = wasConnected ? word.cmd === "disconnect" && peer.version === 5 : word.cmd === "connack";
      const code = Number(word.reasonCode ?? word.returnCode);
      const isFailure = step.codes.length === 0 ? code !== 0 : step.codes.includes(code);
      // A server's DISCONNECT never has an interval ([MQTT-3.14.2-2]), a refusal never a session ([MQTT-3.2.2-6]).
      const { sessionExpiryInterval } = { ...word.properties as Fields | undefined };
      const isProper = isKind && isFailure && word.sessionPresent !== true && sessionExpiryInterval === undefined;
      if (!isProper || words.length > 1) {
        throw new Deviation(`before it closes: ${JSON.stringify(words)}`);
      }
    }
  }

  #notBefore(ms: number | undefined): void {
    const passedMs = performance.now() - this.#markedAt;
    if (ms !== undefined && passedMs < ms) {
      throw new Deviation(`came after ${Math.round(passedMs)} ms, before its ${ms}`);
    }
  }

  #peer(client: string): Peer {
    const peer = this.#peers.get(client);
    if (peer === undefined) throw new RangeError(`Cannot use ${client}: it was not opened`);
    return peer;
  }

  /** Leaves nothing behind: connections are closed, and sessions ended by a clean one. */
  async end(): Promise<void> {
    await Promise.all(this.#all.map((peer) => peer.drop()));
    await Promise.all([...this.#lasting].map((clientId) => this.#forgetSession(clientId).catch(() => {})));
  }

  async #forgetSession(clientId: string): Promise<void> {
    const { url, deadlineMs } = this.#stage;
    const peer = await Peer.open(url, { version: 4, manual: true, trace: () => {} });
    peer.send({ cmd: "connect", protocolId: "MQTT", protocolVersion: 4, clientId, clean: true, keepalive: 0 });
    await peer.take(({ cmd }) => cmd === "connack", deadlineMs).catch(() => {});
    peer.send({ cmd: "disconnect" });
    await peer.drop();
  }
}
