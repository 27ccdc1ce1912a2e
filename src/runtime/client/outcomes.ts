import { SessionError } from "../../errors.ts";
import type { Message } from "../../mqtt/message.ts";
import type { Published, PublishOutcome, RequestOutcome } from "./options.ts";
import { type Deferred, deferred } from "../../store/deferred.ts";

/** A message whose publisher waits. */
interface Waiting {
  readonly message: Message;
  readonly stored: Deferred<void>;
  readonly done: Deferred<PublishOutcome>;
}

/** Who waits for what: by request until it is stored, by place in the log after that. */
export class Outcomes {
  readonly #byRef = new Map<number, Waiting>();
  readonly #byMessage = new Map<Message, number>();
  readonly #bySequence = new Map<number, Waiting>();
  readonly #requests = new Map<number, Deferred<RequestOutcome>>();
  #next = 1;

  /** A message is to be published. */
  publish(message: Message): { readonly ref: number; readonly published: Published } {
    const ref = this.#next++;
    const stored = deferred<void>();
    const done = deferred<PublishOutcome>();
    // Nobody has to look.
    stored.promise.catch(() => {});
    done.promise.catch(() => {});
    this.#byRef.set(ref, { message, stored, done });
    this.#byMessage.set(message, ref);
    return { ref, published: { stored: stored.promise, done: done.promise } };
  }

  /** Something is asked of the server. */
  ask(): { readonly ref: number; readonly outcome: Promise<RequestOutcome> } {
    const ref = this.#next++;
    const request = deferred<RequestOutcome>();
    request.promise.catch(() => {});
    this.#requests.set(ref, request);
    return { ref, outcome: request.promise };
  }

  /** A message stands in the log. */
  stored(message: Message, sequence: number): void {
    const ref = this.#byMessage.get(message);
    const waiting = ref === undefined ? undefined : this.#forget(ref);
    if (waiting === undefined) return;
    this.#bySequence.set(sequence, waiting);
    waiting.stored.resolve();
  }

  /** It will never stand there. */
  settled(ref: number | Message, outcome: PublishOutcome): void {
    const waiting = this.#forget(typeof ref === "number" ? ref : this.#byMessage.get(ref) ?? 0);
    waiting?.stored.resolve();
    waiting?.done.resolve(outcome);
  }

  /** The message of a request that is not settled. */
  messageOf(ref: number): Message | undefined {
    return this.#byRef.get(ref)?.message;
  }

  /** Its delivery is over. */
  delivered(sequence: number, outcome: PublishOutcome): void {
    this.#bySequence.get(sequence)?.done.resolve(outcome);
    this.#bySequence.delete(sequence);
  }

  /** The server has answered, or will not. */
  answered(ref: number, outcome: RequestOutcome): void {
    this.#requests.get(ref)?.resolve(outcome);
    this.#requests.delete(ref);
  }

  /** What was not stored is not, whatever the reason. What is stored goes on. */
  failed(error: SessionError): void {
    for (const { stored, done } of this.#byRef.values()) {
      stored.reject(error);
      done.reject(error);
    }
    this.#byRef.clear();
    this.#byMessage.clear();
    this.#failRequests();
  }

  /** Nothing is heard any more: another page has the session, or the host has closed it. */
  over(isTakenOver: boolean): void {
    this.failed(new SessionError("CLOSED", "Cannot go on: the client is closed"));
    for (const { done } of this.#bySequence.values()) {
      if (isTakenOver) done.resolve({ outcome: "takenOver" });
      else done.reject(new SessionError("CLOSED", "Cannot tell what becomes of a message: the client is closed"));
    }
    this.#bySequence.clear();
  }

  #failRequests(): void {
    for (const request of this.#requests.values()) request.resolve({ outcome: "failed", reasonCode: 0x80 });
    this.#requests.clear();
  }

  #forget(ref: number): Waiting | undefined {
    const waiting = this.#byRef.get(ref);
    if (waiting === undefined) return undefined;
    this.#byRef.delete(ref);
    this.#byMessage.delete(waiting.message);
    return waiting;
  }
}
