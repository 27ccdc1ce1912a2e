import type { SessionChange } from "../machine/change.ts";
import type { Event } from "../machine/event.ts";
import { startedThrough } from "../machine/rules/claiming.ts";
import type { Session } from "../machine/state/session.ts";
import type { StepResult } from "../machine/step.ts";
import type { Guard, QueuePage, QueuePosition } from "../store/session_store.ts";
import type { AdministeredSession } from "./administration.ts";
import type { BrokerContext } from "./context.ts";
import { persistently } from "./within.ts";

/** The connection, as an administrator's orders see it. */
export interface OrdersOwner {
  readonly live: boolean;
  readonly guard: Guard | undefined;
  readonly done: Promise<void>;
  tell(event: Event): void;
}

/** What an administrator orders of one connection: an order is done once its changes are stored. */
export class Orders implements AdministeredSession {
  readonly #context: Pick<BrokerContext, "options">;
  readonly #owner: OrdersOwner;
  readonly #session: Session;
  readonly #open = new Map<Event, (changes: readonly SessionChange[]) => void>();

  constructor(context: Pick<BrokerContext, "options">, owner: OrdersOwner, session: Session) {
    this.#context = context;
    this.#owner = owner;
    this.#session = session;
  }

  get startedThrough(): number {
    return startedThrough(this.#session);
  }

  async administer(event: Event): Promise<readonly SessionChange[] | undefined> {
    if (!this.#owner.live) return undefined;
    const stored = new Promise<readonly SessionChange[]>((resolve) => this.#open.set(event, resolve));
    this.#owner.tell(event);
    return await Promise.race([stored, this.#owner.done.then(() => undefined)]);
  }

  async readLog(position: QueuePosition): Promise<QueuePage | undefined> {
    const { guard } = this.#owner;
    if (guard === undefined) return undefined;
    const { options } = this.#context;
    const read = (signal: AbortSignal) => options.store.readQueue(guard, position, { signal });
    return await persistently(options, "read a queue", read);
  }

  /** What is to be called once what a step has left is stored. One that changes nothing is done with. */
  stepped(event: Event, { changes }: StepResult): (() => void) | undefined {
    const done = this.#open.get(event);
    if (done === undefined) return undefined;
    this.#open.delete(event);
    const own = changes.filter((change): change is SessionChange => change.type !== "publishMessage");
    if (own.length > 0) return () => done(own);
    // One that came behind the end of the connection is not done.
    if (this.#session.online) done(own);
    return undefined;
  }
}
