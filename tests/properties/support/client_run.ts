/**
 * Runs of a client against a server, as data that fast-check draws and shrinks, and what must hold after every step.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { ClientStepResult, SessionPolicy } from "../../../src/machine/mod.ts";
import { ClientRig } from "../../spec/support/client_rig.ts";
import { read } from "../../spec/support/rig.ts";
import { type Acceptance, ClientPeer } from "./client_peer.ts";

/** How the client of a run is made. */
export interface Setting {
  readonly version: 4 | 5;
  readonly interval: number;
  readonly policy: Partial<SessionPolicy>;
}

/** What can happen. What makes no sense at the moment does nothing. */
export type ClientAction =
  | { readonly do: "publish"; readonly qos: 0 | 1 | 2 }
  | { readonly do: "ask"; readonly unsubscribes: boolean }
  | { readonly do: "connect"; readonly cleanStart: boolean }
  | { readonly do: "accept"; readonly how: Acceptance }
  | { readonly do: "refuse" | "drop" | "cut" | "crash" | "reopen" | "hold" | "flush" }
  | { readonly do: "commit"; readonly commits: number }
  | { readonly do: "answer"; readonly which: number; readonly isLost: boolean }
  | { readonly do: "serve"; readonly qos: 1 | 2 }
  | { readonly do: "disconnect"; readonly ends: boolean }
  | { readonly do: "wait"; readonly ms: number };

export const setting: fc.Arbitrary<Setting> = fc.record({
  version: fc.constantFrom(4, 5),
  interval: fc.constantFrom(3_600, 3_600, 20, 0),
  policy: fc.record({
    unsentOnSessionLoss: fc.constantFrom("keep", "fail"),
    discardOnCleanStart: fc.constantFrom("atSend", "atConnack"),
    qos0WhileOffline: fc.constantFrom("reject", "queue"),
  }),
});

const seldom = fc.integer({ min: 0, max: 9 }).map((drawn) => drawn === 0);

const action: fc.Arbitrary<ClientAction> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant("publish"), qos: fc.constantFrom(0, 1, 2, 1, 2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("ask"), unsubscribes: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("connect"), cleanStart: seldom }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("accept"),
      how: fc.record({
        loses: fc.integer({ min: 0, max: 3 }).map((drawn) => drawn === 0),
        isLost: seldom,
        maximumQoS: seldom.map((isSeldom) => isSeldom ? 1 as const : 2 as const),
        receiveMaximum: fc.integer({ min: 1, max: 4 }),
      }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom("refuse", "drop", "cut", "crash", "reopen", "hold", "flush") }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("commit"), commits: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant("answer"), which: fc.nat(5), isLost: seldom }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("serve"), qos: fc.constantFrom(1, 2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("disconnect"), ends: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("wait"), ms: fc.integer({ min: 1, max: 40_000 }) }) },
);

export const clientRun: fc.Arbitrary<readonly ClientAction[]> = fc.array(action, { maxLength: 80, size: "max" });

const RECEIVE_MAXIMUM = 3;

/** A client that notes which messages it was told to send. */
class WatchedRig extends ClientRig {
  /** Payloads of QoS 1 and 2. */
  readonly transmitted = new Set<string>();
  crashes = 0;

  protected override stepped({ effects }: ClientStepResult): void {
    for (const effect of effects) {
      if (effect.type !== "sendPacket" || effect.packet.type !== "publish" || effect.packet.qos === 0) continue;
      const payload = read(effect.packet.payload);
      if (effect.packet.dup) {
        assert.ok(this.transmitted.has(payload) || this.crashes > 0, `${payload} first goes out with DUP 1`);
      } else {
        const hasLeft = this.server.received.some((packet) =>
          packet.type === "publish" && read(packet.payload) === payload
        );
        assert.ok(!hasLeft, `${payload} goes out again with DUP 0`);
      }
      this.transmitted.add(payload);
    }
  }
}

/** A client, its server and the judge of both. */
export class ClientRun {
  readonly rig: WatchedRig;
  readonly peer: ClientPeer;
  readonly #setting: Setting;
  #published = 0;
  readonly #qosOf = new Map<string, number>();
  #isHeld = false;

  constructor(setting: Setting) {
    this.#setting = setting;
    const limits = { pageMessages: 3, receiveMaximum: RECEIVE_MAXIMUM, maximumInFlight: 6, sendAhead: 4 };
    this.rig = new WatchedRig({ ...setting, limits });
    this.peer = new ClientPeer(this.rig);
  }

  /** Lets something happen, and looks at what has come of it. */
  act(action: ClientAction): void {
    this.#act(action);
    this.peer.look();
    this.#judge();
  }

  #act(action: ClientAction): void {
    const { rig, peer } = this;
    switch (action.do) {
      case "publish": {
        const payload = `m${++this.#published}`;
        this.#qosOf.set(payload, action.qos);
        return void rig.publish(payload, action.qos);
      }
      case "ask":
        return void (action.unsubscribes ? rig.unsubscribe("t") : rig.subscribe("t"));
      case "connect":
        if (rig.open) return;
        peer.opened();
        return rig.dial({ cleanStart: action.cleanStart, keepAlive: 30 });
      case "accept":
        if (!peer.isAsked) return;
        peer.accept(action.how);
        // A session that was made with a CONNACK which a crash took away is one that no client can tell from the last.
        return this.#flush();
      case "refuse":
        return peer.isAsked ? peer.refuse() : undefined;
      case "cut":
        // What was sent last does not arrive.
        this.#flush();
        rig.server.takesAll();
        return rig.open ? rig.drop() : undefined;
      case "drop":
        return rig.open ? rig.drop() : undefined;
      case "crash":
        rig.crashes += 1;
        this.#isHeld = false;
        return rig.crash();
      case "reopen":
        this.#flush();
        return rig.open ? undefined : rig.reopen();
      case "hold":
        this.#isHeld = true;
        return rig.hold();
      case "flush":
        return this.#flush();
      case "commit":
        return this.#isHeld ? rig.flush(action.commits) : undefined;
      case "answer":
        return peer.send(action.which, action.isLost);
      case "serve":
        return peer.publish(action.qos, RECEIVE_MAXIMUM);
      case "disconnect":
        if (!rig.session.online) return;
        return rig.disconnect(action.ends && rig.version === 5 ? { sessionExpiryInterval: 0 } : {});
      case "wait":
        return rig.advance(action.ms);
      default:
        action satisfies never;
    }
  }

  #flush(): void {
    this.#isHeld = false;
    this.rig.flush();
    this.peer.look();
  }

  /** What must hold at any time. */
  #judge(): void {
    const { rig, peer } = this;
    const { outbound, quarantine } = rig.stored;
    const told = new Map<number, string[]>();
    for (const effect of rig.heard) {
      if (effect.type !== "deliveryCompleted" && effect.type !== "messageDropped") continue;
      if (effect.sequence === undefined) continue;
      const outcome = effect.type === "messageDropped" ? effect.reason : `completed ${effect.reasonCode}`;
      told.set(effect.sequence, [...told.get(effect.sequence) ?? [], outcome]);
    }
    for (const { sequence, payload, qos } of rig.world.appended) {
      const name = read(payload);
      const outcomes = told.get(sequence) ?? [];
      const isThere = rig.world.log.has(sequence) || outbound.has(sequence);
      if (qos === 0) continue;
      assert.equal(outcomes.length, isThere ? 0 : 1, `${name} has come to ${outcomes.join(" and ") || "nothing"}`);
      if (outcomes[0] === "completed 0") assert.ok(peer.taken.includes(name), `${name} was not taken`);
      if (outcomes[0] === "sessionLost" && this.#setting.policy.unsentOnSessionLoss === "keep") {
        assert.ok(rig.transmitted.has(name) || rig.crashes > 0, `${name} is lost and was never sent`);
      }
    }
    for (const [sequence, { phase, packetId }] of outbound) {
      assert.equal(rig.world.log.has(sequence), phase === "sent", `the mark of ${sequence} is ${phase}`);
      assert.ok(!quarantine.has(packetId));
    }
    once(peer.taken.filter((name) => this.#qosOf.get(name) === 2), "the server took");
    once(rig.inbox.filter((name) => this.#servedAtQos2(name)), "the application got");
    for (const name of peer.acknowledged) assert.ok(rig.inbox.includes(name), `${name} was acknowledged and is lost`);
  }

  #servedAtQos2(name: string): boolean {
    const { message } = this.rig.world.inbox.find((received) => read(received.message.payload) === name) ?? {};
    return message?.qos === 2;
  }

  /** A willing server takes everything; then nothing is left, and every request has come to something. */
  settle(): void {
    this.#flush();
    for (let turn = 0; turn < 2_000; turn++) {
      if (!this.rig.open) this.act({ do: "connect", cleanStart: false });
      else if (this.peer.isAsked) {
        this.act({ do: "accept", how: { loses: false, isLost: false, receiveMaximum: 2, maximumQoS: 2 } });
      } else if (this.peer.owed.length > 0) this.act({ do: "answer", which: 0, isLost: false });
      else break;
    }
    const { world, stored, session } = this.rig;
    assert.equal(session.online, true);
    assert.deepEqual([...world.log.keys()], [], "the log is not empty");
    assert.deepEqual([...stored.outbound.keys()], []);
    assert.deepEqual([...stored.inbound], []);
    assert.ok(this.peer.isDone);
    const answered = this.rig.heard.flatMap((effect) =>
      effect.type === "requestAnswered" || effect.type === "requestFailed" ? [String(effect.ref)] : []
    );
    once(answered, "the request came to something");
  }
}

function once(names: readonly string[], what: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    assert.ok(!seen.has(name), `${what} twice: ${name}`);
    seen.add(name);
  }
}
