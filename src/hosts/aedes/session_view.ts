import { applyChange, draftOf, type SessionChange, type SnapshotDraft } from "../../machine/change.ts";
import type { OutboundMark } from "../../machine/snapshot.ts";
import { MAX_PACKET_ID, packetIdOf } from "../../mqtt/packet_id.ts";
import type { Guard, StoredSession } from "../../store/session_store.ts";
import type { KnownLog } from "./known_log.ts";

/**
 * A session as it is stored, and what is about to be changed in it. Where a commit of the changes fails the view is thrown
 * away, and the session is read again.
 */
export class SessionView {
  readonly draft: SnapshotDraft;
  readonly owner: StoredSession["owner"];
  /** Until when the owner's node is known to be alive. */
  readonly ownerUntil: number;
  readonly log: KnownLog;
  /** Entries up to here may have been sent in an earlier connection, also where nothing is marked. */
  readonly startedThrough: number;
  #guard: Guard;
  #changes: SessionChange[] = [];
  #hasEnded = false;
  readonly #gone = new Set<number>();
  readonly #byId = new Map<number, Set<number>>();
  #pubrecOrder = 0;

  constructor({ snapshot, guard, owner, ownerUntil = 0 }: StoredSession, log: KnownLog, startedThrough?: number) {
    this.draft = draftOf(snapshot);
    this.#guard = guard;
    this.owner = owner;
    this.ownerUntil = ownerUntil;
    this.log = log;
    this.startedThrough = startedThrough ?? snapshot.head.sentLimit;
    for (const [sequence, mark] of snapshot.outbound) this.#index(sequence, mark);
  }

  /** For the next commit. */
  get guard(): Guard {
    return this.#guard;
  }

  /** What was changed and is not committed. */
  get changes(): readonly SessionChange[] {
    return this.#changes;
  }

  /** Whether the session ends with these changes. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The place of the next PUBREC among the others. */
  get nextPubrecOrder(): number {
    return this.#pubrecOrder;
  }

  /** Changes the session. */
  change(change: SessionChange): void {
    this.#changes.push(change);
    if (change.type === "endSession") {
      this.#hasEnded = true;
      return;
    }
    const { outbound } = this.draft;
    const sequence = "sequence" in change ? change.sequence : undefined;
    if (sequence !== undefined) this.#unindex(sequence, outbound.get(sequence));
    applyChange(this.draft, change);
    if (sequence !== undefined) this.#index(sequence, outbound.get(sequence));
    if (change.type === "deleteQueued") this.#gone.add(change.sequence);
  }

  /** The changes are stored. */
  committed(guard: Guard | undefined): void {
    if (guard !== undefined) this.#guard = guard;
    this.#changes = [];
    for (const sequence of this.#gone) this.log.forget(sequence);
    this.#gone.clear();
  }

  /** Whether an entry was deleted by what is not committed. */
  isGone(sequence: number): boolean {
    return this.#gone.has(sequence);
  }

  /** The places whose mark names this Packet Identifier, in order. */
  placesOfId(packetId: number): readonly number[] {
    return [...this.#byId.get(packetId) ?? []].sort((a, b) => a - b);
  }

  /** The Packet Identifier under which an entry was sent, or may have been; `undefined` when it never was. */
  packetIdAt(sequence: number): number | undefined {
    const marked = this.draft.outbound.get(sequence)?.packetId;
    return marked ?? (sequence <= this.startedThrough ? packetIdOf(sequence) : undefined);
  }

  /** The wanted Packet Identifier, or the next one that nothing in flight has. */
  freeId(wanted: number): number {
    let packetId = wanted;
    // All of them in use: whoever sent as many cannot tell them apart any more, whatever is chosen.
    for (let tries = 0; tries < MAX_PACKET_ID && this.#byId.has(packetId); tries++) {
      // Far from where aedes counts on: it does not ask for the retained messages that it sends.
      packetId = (packetId + (tries === 0 ? FAR : 0)) % MAX_PACKET_ID + 1;
    }
    return packetId;
  }

  #index(sequence: number, mark: OutboundMark | undefined): void {
    if (mark === undefined) return;
    const places = this.#byId.get(mark.packetId);
    if (places === undefined) this.#byId.set(mark.packetId, new Set([sequence]));
    else places.add(sequence);
    if (mark.phase === "released") this.#pubrecOrder = Math.max(this.#pubrecOrder, mark.pubrecOrder + 1);
  }

  #unindex(sequence: number, mark: OutboundMark | undefined): void {
    if (mark === undefined) return;
    const places = this.#byId.get(mark.packetId);
    places?.delete(sequence);
    if (places?.size === 0) this.#byId.delete(mark.packetId);
  }
}

/** Half of the Packet Identifiers. */
const FAR = 32_768;
