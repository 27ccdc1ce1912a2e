/**
 * The world of a run: two clients, one connection each at a time, and the host. Every action is synchronous.
 *
 * @module
 */
import { type ClientPacket, nextDeadline } from "../../../src/machine/mod.ts";
import { type Action, CLIENTS, type ConnectAction, TOPICS, WILLING } from "./actions.ts";
import { Client, connectPacket } from "./client.ts";
import { Host } from "./host.ts";
import { leftOver } from "./invariants.ts";
import type { Fault, Link } from "./link.ts";
import { payloadWith, type Verdict } from "./trace.ts";

const LARGE = 60;
/** Each round takes the whole window of a client, so the longest run is over after far fewer. */
const SETTLING_ROUNDS = 40;

export class World {
  readonly #clients = CLIENTS.map((id) => new Client(id));
  readonly #host: Host;

  constructor(fault: Fault = {}) {
    this.#host = new Host(this.#clients, fault);
  }

  act(action: Action): void {
    this.#host.now += 1;
    switch (action.do) {
      case "connect":
        return this.#connect(action);
      case "publish": {
        const { topic, qos, expiry, large, verdict } = action;
        const isV5 = this.#link(action.client)?.connect?.protocolVersion === 5;
        const packet = this.#client(action.client).publish({
          topic: TOPICS[topic] ?? "",
          payload: payloadWith(0, large ? LARGE : 4),
          qos,
          ...(expiry === undefined || !isV5 ? {} : { messageExpiryInterval: expiry }),
        });
        if (packet === undefined) return;
        return this.#receive(action.client, packet, verdict);
      }
      case "rude":
        return this.#receive(action.client, action.packet, action.verdict);
      case "answer": {
        const due = this.#client(action.client).due;
        const [packet] = due.splice(action.which % Math.max(1, due.length), 1);
        if (packet === undefined) return;
        const fails = packet.type === "puback" || packet.type === "pubrec";
        const isV5 = this.#link(action.client)?.connect?.protocolVersion === 5;
        const code = isV5 && fails && action.reasonCode !== 0x92 ? action.reasonCode : 0;
        return this.#receive(action.client, "reasonCode" in packet ? { ...packet, reasonCode: code } : packet);
      }
      case "answerAll":
        for (const packet of this.#client(action.client).due.splice(0)) this.#receive(action.client, packet);
        return;
      case "commit":
        return this.#withLink(action.client, (link) => this.#host.commit(link));
      case "pump":
        return this.#withLink(action.client, () => this.#pump(action.client));
      case "ring":
        return this.#withLink(action.client, (link) => this.#host.ring(link, action.withMessages));
      case "load":
        return this.#withLink(action.client, (link) => this.#host.load(link));
      case "lose":
        return this.#withLink(action.client, (link) => this.#lose(link, action.hears));
      case "crash":
        return this.#crash(action.client, action.lease);
      case "disconnect": {
        const { reasonCode, sessionExpiryInterval } = action;
        const isV4 = this.#link(action.client)?.connect?.protocolVersion === 4;
        this.#receive(action.client, {
          type: "disconnect",
          reasonCode: isV4 ? 0 : reasonCode,
          ...(isV4 || sessionExpiryInterval === undefined ? {} : { sessionExpiryInterval }),
        });
        return this.#withLink(action.client, (link) => this.#host.commit(link));
      }
      case "wait":
        this.#host.now += action.ms;
        return this.#runDue();
      case "end":
        return this.#endSession(action.client);
      case "skip": {
        const stored = this.#host.store.sessions.get(this.#client(action.client).id);
        const link = this.#link(action.client);
        if (stored === undefined || link === undefined) return;
        // As if so many messages had come and been dropped unsent.
        stored.tail += action.sequences;
        return this.#host.ring(link, false);
      }
      default:
        return action satisfies never;
    }
  }

  /** All clients behave from now on, and take everything. Answers what is left all the same: nothing should be. */
  settle(): readonly unknown[] {
    for (const client of CLIENTS.keys()) this.#connect({ ...WILLING, client });
    for (let round = 0; round < SETTLING_ROUNDS; round++) {
      for (const client of CLIENTS.keys()) {
        this.#pump(client);
      }
    }
    return CLIENTS.flatMap((id) => {
      const stored = this.#host.store.sessions.get(id);
      return [
        ...stored?.log.keys() ?? [],
        ...stored?.snapshot.outbound.keys() ?? [],
        ...leftOver(this.#host.judge.wire.client(id)),
      ];
    });
  }

  #client(index: number): Client {
    const client = this.#clients[index];
    if (client === undefined) throw new RangeError(`Cannot act: client ${index} does not exist`);
    return client;
  }

  #link(index: number): Link | undefined {
    return this.#host.link(this.#client(index).id);
  }

  #withLink(index: number, use: (link: Link) => void): void {
    const link = this.#link(index);
    if (link?.open) use(link);
  }

  /** All that a willing client and its server do in one go. */
  #pump(client: number): void {
    this.act({ do: "ring", client, withMessages: this.#host.now % 2 === 0 });
    this.act({ do: "load", client });
    this.act({ do: "commit", client });
    this.act({ do: "answerAll", client });
    this.act({ do: "commit", client });
  }

  #connect(action: ConnectAction): void {
    const { id } = this.#client(action.client);
    if (this.#host.link(id)?.open && action.old === "keep") return;
    const link = this.#host.accept(id);
    link.connect = connectPacket(id, action, () => payloadWith(this.#host.nextNumber()));
    this.#host.step(link, { type: "packetReceived", packet: link.connect });
    if (action.old === "tell") this.#host.supersede();
    this.#host.commit(link);
  }

  #receive(index: number, packet: ClientPacket, verdict: Verdict = "routed"): void {
    this.#withLink(index, (link) => this.#host.receive(link, packet, verdict));
  }

  /** The connection breaks, before or after the client has heard what was held back for a commit. */
  #lose(link: Link, hears: boolean): void {
    link.hears = hears;
    this.#host.step(link, { type: "connectionClosed" });
    this.#host.commit(link);
    link.open = false;
  }

  /** The process is gone, and with it all that was not committed. */
  #crash(index: number, lease: "none" | "lapsed" | "found"): void {
    const link = this.#link(index);
    if (!link?.open) return;
    this.#host.forget(link);
    const stored = this.#host.store.sessions.get(link.clientId);
    if (stored === undefined || !this.#host.owns(link) || lease === "none") return;
    const at = this.#host.now;
    this.#host.now += 1_000;
    this.#host.judge.see({ type: "lapsed", clientId: link.clientId, at });
    stored.ownerUntil = at;
    if (lease === "found") this.#host.unowned(link.clientId, stored, { type: "ownerLost", at });
  }

  #runDue(): void {
    const host = this.#host;
    for (const link of host.openLinks()) {
      const deadline = nextDeadline(link.session);
      if (link.open && deadline !== undefined && deadline <= host.now) host.step(link, { type: "timePassed" });
    }
    for (const [clientId, stored] of [...host.store.sessions]) {
      if (stored.snapshot.head.attached) continue;
      const due = host.dueAt(stored);
      if (due !== undefined && due <= host.now) host.unowned(clientId, stored, { type: "timePassed" });
    }
  }

  #endSession(index: number): void {
    const clientId = this.#client(index).id;
    const stored = this.#host.store.sessions.get(clientId);
    if (stored === undefined) return;
    const link = this.#host.link(clientId);
    if (link?.open && this.#host.owns(link)) {
      this.#host.commit(link);
      if (!link.open) return;
      this.#host.judge.see({ type: "endedByHost", clientId });
      this.#host.step(link, { type: "endRequested" });
    } else {
      this.#host.judge.see({ type: "endedByHost", clientId });
      this.#host.unowned(clientId, stored, { type: "endRequested" });
    }
  }
}
