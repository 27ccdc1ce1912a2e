import type { Event } from "../machine/event.ts";
import type { StepResult } from "../machine/step.ts";
import * as REASON from "../mqtt/reason.ts";
import type { Receiver } from "../routing/resolve.ts";
import type { BrokerContext } from "./context.ts";
import type { Membership } from "./groups/membership.ts";
import { letterOf } from "./letter.ts";
import { EMPTY_LETTER, type Letter, type Mailbox } from "./mailbox.ts";
import type { PublishRoute } from "./publish_route.ts";
import type { Stepping } from "./stepping.ts";

/** What letters are made of, and where they go. */
export interface OutgoingParts {
  readonly steps: Stepping;
  readonly route: PublishRoute;
  readonly membership: Membership;
  readonly mailbox: Mailbox;
  /** Who gets what is retained. */
  readonly self: Pick<Receiver, "clientId" | "incarnation">;
}

/** What the steps of one connection leave, on its way into the mailbox. */
export class Outgoing {
  readonly #context: BrokerContext;
  readonly #parts: OutgoingParts;
  /** What is stored once it is known what the session gives back to its groups; absent while nothing waits for that. */
  #held: Letter[] | undefined;

  constructor(context: BrokerContext, parts: OutgoingParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Whether nothing waits here. */
  get empty(): boolean {
    return this.#held === undefined;
  }

  /** Puts what a step has left in line. Once its changes are stored, `onStored` is called. */
  stepped(event: Event, result: StepResult, onStored?: () => void): void {
    const made = this.#letterOf(result);
    const letter = onStored === undefined ? made : { ...made, offers: [...made.offers ?? [], onStored] };
    if (event.type === "superseded") this.#parts.mailbox.runNow(result.effects);
    else if (result.changes.length > 0 || result.effects.length > 0) this.#post(letter);
  }

  /** What comes in the place of a publish that nobody took; what the machine throws counts as nothing. */
  publishRefused(ref: number): Letter {
    const { steps } = this.#parts;
    try {
      return this.#letterOf(steps.move({ type: "publishRefused", ref, reasonCode: REASON.quotaExceeded }));
    } catch (error) {
      steps.fault(error);
      return EMPTY_LETTER;
    }
  }

  #letterOf(result: StepResult): Letter {
    const { steps, route, self } = this.#parts;
    const letter = letterOf(this.#context, result, route.receivers, self);
    if (letter.refusableRef !== undefined) steps.awaited = "refusable";
    return letter;
  }

  /** Puts a letter in line; before one that ends the connection goes what the session gives back. */
  #post(letter: Letter): void {
    if (this.#held !== undefined) {
      this.#held.push(letter);
      return;
    }
    const { steps, membership, mailbox } = this.#parts;
    const before = membership.before(letter);
    if (before instanceof Promise) {
      this.#held = [letter];
      this.#context.tasks.add(before.then((letters) => this.#release(letters), (error) => steps.fault(error)));
      return;
    }
    for (const each of before) mailbox.post(each, 0);
    mailbox.post(membership.after(letter), steps.takeCarried());
  }

  #release(before: readonly Letter[]): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    const { steps, mailbox } = this.#parts;
    if (steps.finished) return;
    for (const each of [...before, ...held]) mailbox.post(each, 0);
    steps.work();
  }
}
