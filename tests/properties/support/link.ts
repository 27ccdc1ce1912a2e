/**
 * One connection of the model host: it steps a session, answers its requests, and holds changes and effects back until
 * they are committed.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  applyChanges,
  type Change,
  type ClientPacket,
  type ConnectPacket,
  type Effect,
  type Event,
  type LoadQueueRequest,
  nextDeadline,
  openSession,
  type QueuedMessage,
  type Request,
  type ServerPacket,
  type Session,
  snapshot,
  step,
  type StepResult,
} from "../../../src/machine/mod.ts";
import type { SessionOptions } from "../../../src/machine/mod.ts";
import type { Verdict } from "./trace.ts";

/** A deliberate fault: what it makes of a step, and of what the store hands out. */
export interface Fault {
  result?(result: StepResult, event: Event): StepResult;
  event?(event: Event): Event;
  /** The fault breaks the law by design, so that only the wire can show it. */
  readonly skipsLaw?: true;
}

/** A step that waits for its commit, with all that its requests led to. */
export interface Pending {
  readonly event: string;
  readonly received: ClientPacket | undefined;
  readonly at: number;
  readonly changes: Change[];
  readonly effects: Effect[];
  verdict: Verdict | undefined;
}

/** The most outputs that one step may have: it cannot exceed what the host has given it. */
const MOST_OUTPUTS = 2_000;

/** What the host answers with. */
export interface Answers {
  request(link: Link, request: Exclude<Request, LoadQueueRequest>, pending: Pending): void;
}

export class Link {
  readonly session: Session;
  pending: Pending[] = [];
  load: LoadQueueRequest | undefined;
  /** Entries appended that the session was not told about yet. */
  rung: QueuedMessage[] = [];
  open = true;
  /** Whether what is sent arrives: an answer may be lost with its connection. */
  hears = true;
  connect: ConnectPacket | undefined;

  readonly number: number;
  readonly clientId: string;
  readonly #answers: Answers;
  readonly #fault: Fault;

  constructor(names: Pick<Link, "number" | "clientId">, options: SessionOptions, answers: Answers, fault: Fault) {
    this.number = names.number;
    this.clientId = names.clientId;
    this.#answers = answers;
    this.#fault = fault;
    this.session = openSession(undefined, options);
  }

  /** Steps an event; what it leads to waits in `pending`. */
  begin(event: Event, now: number): Pending {
    const received = event.type === "packetReceived" ? event.packet : undefined;
    const pending: Pending = { event: event.type, received, at: now, changes: [], effects: [], verdict: undefined };
    this.pending.push(pending);
    this.follow(event, pending);
    return pending;
  }

  /** Steps the answer to a request of the same exchange. */
  follow(event: Event, pending: Pending): void {
    const { requests, changes, effects } = checkedStep(this.session, event, pending.at, this.#fault);
    pending.changes.push(...changes);
    pending.effects.push(...effects);
    for (const request of requests) {
      if (request.type === "loadQueue") this.load = request;
      else this.#answers.request(this, request, pending);
    }
  }

  /** Acknowledgements that the client has not seen yet. */
  unsent(): number {
    const packets = this.pending.flatMap(({ effects }) => effects).flatMap(packetOf);
    return packets.filter((packet) =>
      packet.type === "puback" || packet.type === "pubcomp" || (packet.type === "pubrec" && packet.reasonCode >= 0x80)
    ).length;
  }
}

/** A step with its laws: D9, changes that stay as they are, and bounded outputs. */
export function checkedStep(session: Session, original: Event, now: number, fault: Fault = {}): StepResult {
  const event = fault.event?.(original) ?? original;
  const before = event.type === "sessionAcquired" ? event.snapshot : snapshot(session);
  const stepped = step(session, event, now);
  const result = fault.result?.(stepped, event) ?? stepped;
  const after = snapshot(session);
  assert.ok(result.changes.length + result.effects.length + result.requests.length <= MOST_OUTPUTS, "too many outputs");
  deepFreeze(result.changes);
  // A superseded session is another owner's: it goes on there, and has no snapshot here.
  const isLost = event.type === "superseded" && after === undefined;
  if (before === undefined) assert.equal(result.changes.length, 0, "changes without a session");
  else if (!isLost && fault.skipsLaw === undefined) {
    assert.deepEqual(applyChanges(before, result.changes), after, `the law of D9 after ${event.type}`);
  }
  return result;
}

/** Both sides of invariant 14, asked the same: when, what by time, and what at an administrator's end. */
export function comparedWithRestored(
  session: Session,
  options: SessionOptions,
  now: number,
): [unknown, unknown] | undefined {
  const kept = snapshot(session);
  if (kept === undefined) return undefined;
  const ask = (one: Session): unknown => {
    const deadline = nextDeadline(one);
    const at = Math.max(now, deadline ?? now);
    return [
      deadline,
      step(one, { type: "timePassed" }, now),
      step(one, { type: "timePassed" }, at),
      snapshot(one),
      step(one, { type: "endRequested" }, at),
      snapshot(one),
    ];
  };
  return [ask(session), ask(openSession(kept, options))];
}

/** The packet of an effect, if it is one that sends. */
export function packetOf(effect: Effect): readonly ServerPacket[] {
  return effect.type === "sendPacket" ? [effect.packet] : [];
}

function deepFreeze(value: unknown): void {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
}
