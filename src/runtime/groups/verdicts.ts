/** Which of the messages that wait for a group its connected members may have, where the host is asked about each. */
import type { QueuedMessage } from "../../mqtt/message.ts";
import { minimumQoS } from "../../mqtt/qos.ts";
import { mayDeliver } from "../entitlement.ts";
import type { GroupContext } from "./context.ts";
import type { ConnectedMember, Place } from "./place.ts";

/** What the host says: `unknown` until it has said something. */
export type Verdict = "allowed" | "refused" | "unknown";

/** What the host has said of the messages in one log. */
export class Verdicts {
  readonly #context: GroupContext;
  readonly #answered: () => void;
  readonly #verdicts = new Map<ConnectedMember, Map<number, Verdict>>();

  /** `answered`: something that was unknown is known. */
  constructor(context: GroupContext, answered: () => void) {
    this.#context = context;
    this.#answered = answered;
  }

  /** Whether a member may have a message. The host is asked once. */
  of({ member, subscription }: Place, { sequence, topic, qos }: QueuedMessage): Verdict {
    const known = this.#verdicts.get(member)?.get(sequence);
    if (known !== undefined) return known;
    const { options } = this.#context;
    try {
      const verdict = mayDeliver(options, member, { topic, qos: minimumQoS(qos, subscription.qos) });
      if (verdict === true) return "allowed";
      const verdicts = this.#verdictsOf(member);
      verdicts.set(sequence, verdict === false ? "refused" : "unknown");
      if (verdict === false) return "refused";
      // Work that waits for nobody else must not wait for the host.
      this.#context.tasks.ask(
        verdict.then((isAllowed) => {
          verdicts.set(sequence, isAllowed ? "allowed" : "refused");
        }, (error) => this.#failed(member, sequence, error)).then(this.#answered),
      );
    } catch (error) {
      this.#failed(member, sequence, error);
      this.#context.tasks.ask(Promise.resolve().then(this.#answered));
    }
    return "unknown";
  }

  /** Messages before this one wait no more. */
  forgetBefore(sequence: number): void {
    for (const verdicts of this.#verdicts.values()) {
      for (const each of verdicts.keys()) if (each < sequence) verdicts.delete(each);
    }
  }

  /** The host is asked anew: about one member, or where it has said something about any. */
  forget(member?: ConnectedMember): void {
    if (member !== undefined) {
      this.#verdicts.delete(member);
      return;
    }
    for (const verdicts of this.#verdicts.values()) {
      for (const [sequence, verdict] of verdicts) if (verdict !== "unknown") verdicts.delete(sequence);
    }
  }

  /** Without an answer nothing is delivered, and nothing dropped: the client asks again later. */
  #failed(member: ConnectedMember, sequence: number, error: unknown): void {
    this.#verdicts.get(member)?.delete(sequence);
    member.troubled(error);
  }

  #verdictsOf(member: ConnectedMember): Map<number, Verdict> {
    const found = this.#verdicts.get(member) ?? new Map<number, Verdict>();
    this.#verdicts.set(member, found);
    return found;
  }
}
