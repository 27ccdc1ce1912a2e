/**
 * The invariants of a session, one named check each. A check looks at what went over the wire and at the times, and at
 * nothing else of the machine.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { PublishPacket, ServerPacket } from "../../../src/machine/mod.ts";
import { type Exchange, numberIn, type TraceRecord } from "./trace.ts";
import { type ClientView, type CopyView, WireView } from "./wire_view.ts";

/** Where a check stands when a packet leaves: what was known before it. */
export interface Sight {
  readonly view: ClientView;
  readonly exchange: Exchange;
  readonly packet: ServerPacket;
  /** The copy that a PUBLISH carries. */
  readonly copy: CopyView | undefined;
}

/** One check. Each part throws an AssertionError when the invariant is broken. */
export interface Invariant {
  readonly name: string;
  /** Before each packet that leaves. */
  sent?(sight: Sight): void;
  /** For each copy that an exchange gives up, before its packets. */
  lost?(copy: CopyView, reason: string): void;
  /** After an exchange. */
  after?(exchange: Exchange, view: ClientView, wire: WireView, heldBefore: boolean): void;
  /** At any other record, before it is taken in. */
  record?(record: TraceRecord, wire: WireView): void;
}

const SNAPSHOT_FIELDS = [
  "clientId",
  "head",
  "inbound",
  "incarnation",
  "outbound",
  "quarantine",
  "subscriptions",
  "will",
];
const HEAD_FIELDS = [
  "attached",
  "connectedAt",
  "disconnectReason",
  "disconnectedAt",
  "endsAfterMs",
  "endsAt",
  "onTakeover",
  "protocolVersion",
  "sentLimit",
  "sessionExpiryInterval",
  "willAfterMs",
  "willDueAt",
];

function publishOf({ packet }: Sight): PublishPacket | undefined {
  return packet.type === "publish" ? packet : undefined;
}

export const INVARIANTS: readonly Invariant[] = [
  {
    name: "1 identifiers of live entries are distinct and within 1 to 65535",
    sent(sight) {
      const packet = publishOf(sight);
      if (packet === undefined || packet.qos === 0) return;
      const id = packet.packetId ?? 0;
      assert.ok(Number.isInteger(id) && id >= 1 && id <= 65_535, `id ${id}`);
      assert.ok(!sight.view.outOfUse.has(id), `id ${id} is out of circulation`);
      for (const other of sight.view.liveCopies()) {
        if (other !== sight.copy) assert.notEqual(other.id, id, `id ${id} is that of copy ${other.copy}`);
        else assert.equal(other.id, id, `copy ${other.copy} changes its id`);
      }
    },
  },
  {
    name: "2 unanswered PUBLISH packets stay within the client's Receive Maximum",
    sent(sight) {
      const packet = publishOf(sight);
      if (packet === undefined || packet.qos === 0) return;
      const { view, exchange } = sight;
      const spent = [...view.liveCopies()].filter(({ sentOn }) => sentOn === exchange.connection).length;
      const most = view.connect?.receiveMaximum ?? 65_535;
      assert.ok(spent < most, `${spent} unanswered of ${most}`);
    },
  },
  {
    name: "3 no PUBLISH follows a PUBREL until the identifier is free",
    sent(sight) {
      const id = publishOf(sight)?.packetId;
      if (id !== undefined) assert.notEqual(sight.view.live(id)?.phase, "pubcomp", `id ${id} is released`);
    },
  },
  {
    name: "4 the first transmission has DUP 0 and every later one DUP 1",
    sent(sight) {
      const { copy } = sight;
      const packet = publishOf(sight);
      if (packet === undefined || copy === undefined) return;
      if (packet.qos === 0) assert.deepEqual([packet.dup, copy.transmissions], [false, 0], `copy ${copy.copy}, QoS 0`);
      else if (copy.transmissions > 0) assert.equal(packet.dup, true, `copy ${copy.copy} again`);
      else if (!copy.maybeSent) assert.equal(packet.dup, false, `copy ${copy.copy} for the first time`);
    },
  },
  {
    name: "5 nothing is sent twice on a connection but PUBREL for a repeated PUBREC",
    sent({ copy, packet, view, exchange }) {
      if (packet.type === "publish") assert.notEqual(copy?.sentOn, exchange.connection, `copy ${copy?.copy}`);
      if (packet.type === "pubrel") {
        assert.ok((view.pubrelsOwed.get(packet.packetId) ?? 0) > 0, `PUBREL ${packet.packetId} without a cause`);
      }
    },
  },
  {
    name: "6 an inbound QoS 2 message is handed on once per cycle",
    after({ received, handedOn, verdict, sent }, _view, _wire, heldBefore) {
      if (received?.type !== "publish" || received.qos !== 2) return assert.ok(handedOn <= 1);
      const accepted = sent.some((packet) => packet.type === "pubrec" && packet.reasonCode < 0x80);
      const begins = accepted && !heldBefore && verdict === "routed";
      assert.equal(handedOn, begins ? 1 : 0, `id ${received.packetId}, held ${heldBefore}`);
    },
  },
  {
    name: "7 each PUBLISH and each PUBREL on an open connection is answered exactly once",
    after({ received, sent, closes }) {
      const answers = sent.filter(({ type }) => type === "puback" || type === "pubrec" || type === "pubcomp");
      const most = received?.type === "pubrel" || (received?.type === "publish" && received.qos > 0) ? 1 : 0;
      assert.ok(answers.length <= most, `${answers.length} answers`);
      if (!closes) assert.equal(answers.length, most);
    },
  },
  {
    name: "8 answers fit what they answer, and resends leave in their first order",
    sent({ view, packet, exchange, copy }) {
      const { received } = exchange;
      if (packet.type === "puback" || packet.type === "pubrec" || packet.type === "pubcomp") {
        const type = received?.type === "pubrel"
          ? "pubcomp"
          : received?.type === "publish" && received.qos === 1
          ? "puback"
          : "pubrec";
        const id = received?.type === "publish" || received?.type === "pubrel" ? received.packetId : undefined;
        assert.deepEqual([packet.type, packet.packetId], [type, id]);
      }
      if (packet.type === "pubrel" && received?.type === "connect") {
        const released = view.live(packet.packetId);
        for (const other of view.liveCopies()) {
          const isEarlier = other.phase === "pubcomp" && other.pubrecOrder < (released?.pubrecOrder ?? Infinity);
          if (isEarlier) assert.equal(view.pubrelsOwed.get(other.id), 0, `PUBREL ${other.id} comes before`);
        }
      }
      if (packet.type === "publish" && packet.qos > 0 && copy !== undefined) {
        for (const other of view.liveCopies()) {
          const waits: boolean = other.phase !== "pubcomp" && other.sentOn !== exchange.connection &&
            other.copy < copy.copy;
          assert.ok(!waits, `copy ${other.copy} is to be resent before ${copy.copy}`);
        }
      }
    },
  },
  {
    name: "9 Session Present tells whether the session goes on",
    sent({ view, packet, exchange }) {
      if (packet.type !== "connack" || packet.reasonCode !== 0) return;
      assert.equal(packet.sessionPresent, view.present.get(exchange.connection));
    },
  },
  {
    name: "10 a connection that is superseded or closed puts out nothing for the session",
    after({ connection, sent, handedOn }, view, wire) {
      if (wire.closedConnections.has(connection)) assert.equal(sent.length, 0);
      if (connection === view.connection) return;
      assert.equal(handedOn, 0);
      const harmless: readonly string[] = [
        "disconnect",
        "pingresp",
        "pubrel",
        "pubrec",
        "puback",
        "pubcomp",
        "connack",
      ];
      for (const packet of sent) assert.ok(harmless.includes(packet.type), `${packet.type} of an old connection`);
    },
    record(record) {
      if (record.type !== "supersededOutput") return;
      assert.equal(record.changes, 0);
      for (const packet of record.sent) assert.equal(packet.type, "disconnect");
    },
  },
  {
    name: "11 a Will is published at most once, never after DISCONNECT 0, never too early",
    record(record, wire) {
      if (record.type !== "willPublished") return;
      const will = wire.client(record.clientId).wills.get(record.will);
      assert.ok(will, `Will ${record.will} is unknown`);
      assert.deepEqual({ published: will.published, revoked: will.revoked }, { published: false, revoked: false });
      assert.ok(record.at >= will.dueAt, `at ${record.at}, due at ${will.dueAt}`);
    },
  },
  {
    name: "12 while attached no expiry and no Will timer is armed",
    record(record, wire) {
      if (record.type !== "observed" || !record.online) return;
      const keepAlive = wire.client(record.clientId).connect?.keepAlive ?? 0;
      if (record.nextDeadline !== undefined) assert.ok(keepAlive > 0, "a deadline without Keep Alive");
      const head = record.snapshot?.head;
      assert.deepEqual([head?.attached, head?.willDueAt, head?.endsAt ?? 0], [true, undefined, 0]);
    },
  },
  {
    name: "13 nothing of an ended session is sent",
    sent(sight) {
      const packet = publishOf(sight);
      if (packet !== undefined) assert.ok(sight.copy, `copy ${numberIn(packet.payload)} is not of this session`);
    },
  },
  {
    name: "14 a session read back behaves as the one that was detached",
    record(record) {
      if (record.type === "restored") assert.deepEqual(record.restored, record.kept);
    },
  },
  {
    name: "15 nothing of a connection is in a snapshot",
    record(record) {
      if (record.type !== "observed" || record.snapshot === undefined) return;
      const { snapshot } = record;
      for (const field of Object.keys(snapshot)) assert.ok(SNAPSHOT_FIELDS.includes(field), field);
      for (const field of Object.keys(snapshot.head)) assert.ok(HEAD_FIELDS.includes(field), field);
      for (const mark of snapshot.outbound.values()) {
        assert.deepEqual(Object.keys(mark).toSorted(), ["packetId", "phase", "pubrecOrder"]);
      }
    },
  },
  {
    name: "16 first transmissions of a stream follow the order of its routing",
    sent({ view, copy }) {
      if (copy === undefined || copy.transmissions > 0) return;
      for (const other of view.copies.values()) {
        if (other.stream !== copy.stream || other.copy <= copy.copy) continue;
        assert.equal(other.transmissions, 0, `copy ${other.copy} went before ${copy.copy}`);
      }
    },
  },
  {
    name: "17 nothing expired is sent for the first time, and nothing started disappears",
    sent(sight) {
      const packet = publishOf(sight);
      const { copy, exchange } = sight;
      if (packet === undefined || copy === undefined) return;
      const remaining = packet.messageExpiryInterval ?? 0;
      assert.ok(remaining >= 0 && remaining <= 0xffff_ffff, `${remaining} s remain`);
      if (!packet.dup) assert.ok(copy.expiresAt > exchange.at, `copy ${copy.copy} has expired`);
    },
    lost(copy, reason) {
      if (copy.transmissions > 0) assert.notEqual(reason, "expired", `copy ${copy.copy}`);
      assert.notEqual(copy.phase, "pubcomp", `copy ${copy.copy} was released, and then lost: ${reason}`);
    },
  },
  {
    name: "18 what no connection can have sent is not lost as sent",
    lost(copy, reason) {
      if (reason === "atMostOnce") assert.ok(copy.maybeSent, `copy ${copy.copy}`);
    },
  },
];

/** A broken invariant, by its name. */
export class Broken extends Error {
  readonly invariant: string;

  constructor(invariant: string, cause: unknown) {
    super(`${invariant}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.invariant = invariant;
  }
}

/** Judges a trace record by record. */
export class Judge {
  readonly wire: WireView = new WireView();

  see(record: TraceRecord): void {
    if (record.type === "exchange") return this.#exchange(record);
    this.#each((invariant) => invariant.record?.(record, this.wire));
    this.wire.note(record);
  }

  #exchange(exchange: Exchange): void {
    const view = this.wire.client(exchange.clientId);
    const { received } = exchange;
    const heldBefore = received?.type === "publish" && view.held.has(received.packetId ?? 0);
    // What an old connection is told changes nothing of the session that goes on elsewhere.
    const isCurrent = exchange.connection === view.connection;
    if (received !== undefined && isCurrent) this.wire.receive(exchange, received);
    for (const { copy, reason } of exchange.lost) {
      const known = view.copies.get(copy);
      if (known !== undefined) this.#each((invariant) => invariant.lost?.(known, reason));
      if (known !== undefined) this.wire.lose(view, known);
    }
    for (const packet of exchange.sent) {
      const copy = packet.type === "publish" ? view.copies.get(numberIn(packet.payload)) : undefined;
      if (isCurrent) this.#each((invariant) => invariant.sent?.({ view, exchange, packet, copy }));
      if (isCurrent) this.wire.send(exchange, packet);
    }
    this.#each((invariant) => invariant.after?.(exchange, view, this.wire, heldBefore));
    if (isCurrent) this.wire.end(exchange);
    else if (exchange.closes) this.wire.closedConnections.add(exchange.connection);
  }

  #each(check: (invariant: Invariant) => void): void {
    for (const invariant of INVARIANTS) {
      try {
        check(invariant);
      } catch (cause) {
        throw new Broken(invariant.name, cause);
      }
    }
  }
}

/** Copies of QoS 1 and 2 still on their way: none once a willing client has taken all. */
export function leftOver(view: ClientView): readonly number[] {
  const waiting = [...view.copies.values()].filter(({ phase, qos }) => phase !== "done" && qos > 0);
  return waiting.map(({ copy }) => copy);
}
