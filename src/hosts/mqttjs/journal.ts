/**
 * What one session has yet to store, in order: many calls become few commits, and each is answered once it is durable.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import type { SessionChange } from "../../machine/change.ts";
import type { SessionHead } from "../../machine/snapshot.ts";
import { type Message, messageBytes } from "../../mqtt/message.ts";
import type { QoS } from "../../mqtt/qos.ts";
import type { CommitLane, LaneSource } from "../../runtime/lane.ts";
import { isWorthRepeating } from "../../runtime/within.ts";
import type { StoreCapabilities } from "../../store/capabilities.ts";
import type { CommitBatch, CommitResult, Delivery, Guard } from "../../store/session_store.ts";

/** A message on its way into the log of its own session. */
export interface Append {
  readonly message: Message;
  readonly qos: QoS;
  readonly subscriptionIdentifiers: readonly number[];
  /** The message may be sent once it is stored, and so has to count as started. */
  readonly sends: boolean;
  /** Told its place, another one where it has to be tried again; answers what has to be stored with it. */
  placed(sequence: number): readonly SessionChange[];
}

/** One thing to store. */
export interface Op {
  /** What changes, asked when it leaves. */
  changes?(): readonly SessionChange[];
  /** A message that is appended after that. */
  readonly append?: Append;
  /** Whether what it builds on is stored. While it is not, it waits for the next commit. */
  isReady?(): boolean;
  /** It is durable; with an error, nothing of it is stored. */
  done?(error?: SessionError): void;
}

/** Who is told of a journal's fate. Nothing of it throws. */
export interface JournalOwner {
  /** Nothing can be stored any more: somebody else owns the session, or its log is not what it has to be. */
  lost(error: SessionError): void;
  /** The store has not answered for as long as it is waited for. The same commit is tried on. */
  storeFailed(error: SessionError): void;
}

/** What a journal needs. */
export interface JournalOptions {
  readonly owner: JournalOwner;
  readonly lane: CommitLane;
  readonly capabilities: StoreCapabilities;
  readonly guard: Guard;
  readonly head: SessionHead;
  /** The highest sequence of the log. */
  readonly tail: number;
}

/** A batch that has so many bytes takes no further message. */
const BATCH_BYTES = 1_048_576;

/** The most changes of one operation, and what a batch adds to them. */
const CHANGES_AT_ONCE = 8;

/** One FIFO of things to store for one session, which nobody else appends to. */
export class Journal implements LaneSource {
  readonly #options: JournalOptions;
  #waiting: Op[] = [];
  #leaving: readonly Op[] = [];
  #batch: CommitBatch | undefined;
  #guard: Guard;
  #head: SessionHead;
  #storedHead: SessionHead;
  #tail: number;
  #appending = 0;
  /** How many go one by one, since one of them cannot be stored. */
  #alone = 0;
  #requested = false;
  #ended: SessionError | undefined;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#guard = options.guard;
    this.#head = options.head;
    this.#storedHead = options.head;
    this.#tail = options.tail;
  }

  /** For reading the log. */
  get guard(): Guard {
    return this.#guard;
  }

  /** The head as it is stored. */
  get head(): SessionHead {
    return this.#storedHead;
  }

  /** The sequence that the next message will get, if all that wait can be stored. */
  get nextSequence(): number {
    return this.#tail + this.#appending + 1;
  }

  /** Stores this after all that was asked before. */
  add(op: Op): void {
    if (this.#ended !== undefined) return finish(op, this.#ended);
    if (op.append !== undefined) this.#appending += 1;
    this.#waiting.push(op);
    this.#request();
  }

  /** Ends once all that was asked before is stored or given up; rejects when nothing can be stored any more. */
  idle(): Promise<void> {
    return this.#promised({});
  }

  /** Changes the head, but for its `sentLimit`. */
  changeHead(change: (head: SessionHead) => SessionHead): Promise<void> {
    return this.#promised({
      changes: () => {
        this.#head = { ...change(this.#head), sentLimit: this.#head.sentLimit };
        return [{ type: "putHead", head: this.#head }];
      },
    });
  }

  /** Once this ends, entries up to this sequence may be sent. */
  async raiseSentLimit(sequence: number): Promise<void> {
    if (sequence > this.#storedHead.sentLimit) await this.#promised({ changes: () => this.#raised(sequence) });
  }

  /** Nothing is stored any more, and whoever waits is told why. */
  end(error: SessionError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    const ops = [...this.#leaving, ...this.#waiting];
    this.#waiting = [];
    this.#leaving = [];
    this.#batch = undefined;
    for (const op of ops) finish(op, error);
  }

  take(): CommitBatch | undefined {
    // What became of a batch has to be known before anything else leaves.
    if (this.#batch === undefined && this.#ended === undefined) this.#batch = this.#nextBatch();
    if (this.#batch === undefined) this.#requested = false;
    return this.#batch;
  }

  #nextBatch(): CommitBatch | undefined {
    const { maxChangesPerBatch } = this.#options.capabilities;
    const ops: Op[] = [];
    const changes: SessionChange[] = [];
    const appends: Append[] = [];
    let bytes = 0;
    let limit = 0;
    for (let op = this.#waiting[0]; op !== undefined; op = this.#waiting[0]) {
      const { append } = op;
      if (append !== undefined) bytes += messageBytes(append.message);
      if (ops.length > 0) {
        if (this.#alone > 0 || op.isReady?.() === false) break;
        if (changes.length + CHANGES_AT_ONCE > maxChangesPerBatch) break;
        if (append !== undefined && appends.length > 0 && !this.#hasRoom(appends.length, bytes)) break;
      }
      this.#waiting.shift();
      const wanted = [...op.changes?.() ?? []];
      if (append !== undefined) {
        appends.push(append);
        const sequence = this.#tail + appends.length;
        wanted.push(...append.placed(sequence));
        if (append.sends) limit = sequence;
      } else if (wanted.length === 0 && ops.length === 0) {
        // It only waited for its turn.
        finish(op);
        continue;
      }
      changes.push(...wanted);
      ops.push(op);
    }
    if (ops.length === 0) return undefined;
    this.#alone = Math.max(0, this.#alone - 1);
    this.#leaving = ops;
    changes.push(...this.#raised(limit));
    const deliveries = appends.map((append) => this.#deliveryOf(append));
    return this.#options.lane.batch({ guard: this.#guard, changes, deliveries });
  }

  settled(result: CommitResult, repeated: boolean): void {
    const ops = this.#leaving;
    const batch = this.#batch;
    this.#batch = undefined;
    this.#leaving = [];
    this.#requested = false;
    if (batch === undefined) return;
    if (result.outcome !== "committed") {
      return this.#lose(repeated ? "the store failed, and has it no more as it was" : "somebody else owns it", ops);
    }
    this.#guard = result.guard ?? this.#guard;
    this.#storedHead = this.#head;
    for (const [index, outcomes] of result.deliveries.entries()) {
      // A store that does not remember what became of a repeated batch answers nothing: then it stands where it was put.
      const [outcome] = outcomes;
      if (outcome === undefined) continue;
      const expected = this.#tail + index + 1;
      if (outcome.outcome !== "appended" || outcome.sequence !== expected) {
        return this.#lose(`a message was to be number ${expected} of its log and was not`, ops);
      }
    }
    this.#tail += batch.deliveries.length;
    this.#appending -= batch.deliveries.length;
    for (const op of ops) finish(op);
    this.#request();
  }

  failed(error: SessionError): void {
    this.#requested = false;
    if (this.#batch === undefined) return;
    if (isWorthRepeating(error)) {
      // It may have been carried out: nothing else may be tried in its place.
      this.#options.owner.storeFailed(error);
      return this.#request();
    }
    const ops = this.#leaving;
    this.#batch = undefined;
    this.#leaving = [];
    this.#head = this.#storedHead;
    if (ops.length > 1) {
      // One of them cannot be stored; the others must not suffer for it.
      this.#waiting.unshift(...ops);
      this.#alone = ops.length;
    } else {
      for (const op of ops) {
        if (op.append !== undefined) this.#appending -= 1;
        finish(op, error);
      }
    }
    this.#request();
  }

  #request(): void {
    if (this.#requested || (this.#waiting.length === 0 && this.#batch === undefined)) return;
    this.#requested = true;
    this.#options.lane.request(this);
  }

  #promised(op: Pick<Op, "changes">): Promise<void> {
    return new Promise((resolve, reject) => {
      this.add({ ...op, done: (error) => error === undefined ? resolve() : reject(error) });
    });
  }

  #raised(sentLimit: number): readonly SessionChange[] {
    if (sentLimit <= this.#head.sentLimit) return [];
    this.#head = { ...this.#head, sentLimit };
    return [{ type: "putSentLimit", sentLimit }];
  }

  #hasRoom(messages: number, bytes: number): boolean {
    const { maxReceiversPerCommit, maxMessageBytes } = this.#options.capabilities;
    return messages < maxReceiversPerCommit && bytes <= Math.min(maxMessageBytes, BATCH_BYTES);
  }

  #deliveryOf({ message, qos, subscriptionIdentifiers }: Append): Delivery {
    const { clientId, incarnation } = this.#guard;
    return { message, receivers: [{ clientId, incarnation, qos, retain: message.retain, subscriptionIdentifiers }] };
  }

  #lose(found: string, ops: readonly Op[]): void {
    // A client id of the library's own has U+0000 in it.
    const [clientId] = this.#guard.clientId.split("\u0000");
    const error = new SessionError("CLOSED", `Cannot go on with the session of "${clientId}": ${found}`);
    this.#leaving = ops;
    this.end(error);
    this.#options.owner.lost(error);
  }
}

/** Tells whoever waits. What they throw is theirs, and must not keep the next from being told. */
function finish(op: Op, error?: SessionError): void {
  try {
    op.done?.(error);
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}
