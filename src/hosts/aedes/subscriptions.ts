import { SessionError } from "../../errors.ts";
import type { SessionSnapshot } from "../../machine/snapshot.ts";
import { parseFilter } from "../../mqtt/filter.ts";
import type { Subscription } from "../../mqtt/subscription.ts";
import { persistently } from "../../runtime/within.ts";
import type { AedesContext } from "./context.ts";
import type { AedesClientLike, AedesSubscription } from "./packets.ts";
import type { SessionLines } from "./session_lines.ts";
import { aedesSubscription, subscriptionOf } from "./translation.ts";

/** How many sessions are named at a time where all of them are looked at. */
const SESSIONS_PER_PAGE = 100;

/** Subscriptions of clients. */
export class AedesSubscriptions {
  readonly #context: AedesContext;
  readonly #lines: SessionLines;

  constructor(context: AedesContext, lines: SessionLines) {
    this.#context = context;
    this.#lines = lines;
  }

  /** Stores subscriptions. aedes asks for all of a packet once for each of them: what is stored so is not stored again. */
  async add(client: AedesClientLike, subscriptions: readonly AedesSubscription[]): Promise<void> {
    const wanted = new Map(subscriptions.map((each) => [each.topic, subscriptionOf(each)]));
    await this.#admit([...wanted.keys()]);
    await this.#inParts([...wanted], (part) =>
      this.#lines.of(client.id).run(({ view }) => {
        if (view === undefined) return { need: "session" };
        for (const [filter, subscription] of part) {
          if (isSame(view.draft.subscriptions.get(filter), subscription)) continue;
          view.change({ type: "putSubscription", filter, subscription });
        }
        return { answer: undefined };
      }, { asOwner: client }));
  }

  /** Removes subscriptions. */
  async remove(client: AedesClientLike, filters: readonly string[]): Promise<void> {
    await this.#inParts([...new Set(filters)], (part) =>
      this.#lines.of(client.id).run(({ view, isCertain }) => {
        if (view === undefined) return isCertain ? { answer: undefined } : { need: "reload" };
        for (const filter of part) {
          if (view.draft.subscriptions.has(filter)) view.change({ type: "deleteSubscription", filter });
        }
        return { answer: undefined };
      }, { asOwner: client }));
  }

  /** The subscriptions of a client. */
  async of({ id }: AedesClientLike): Promise<AedesSubscription[]> {
    const view = await this.#lines.of(id).view();
    return [...view?.draft.subscriptions ?? []].map(([filter, options]) => aedesSubscription(filter, options));
  }

  /** How many there are at QoS 1 and 2, and how many clients have any. */
  async count(): Promise<{ subsCount: number; clientsCount: number }> {
    let [subsCount, clientsCount] = [0, 0];
    for await (const { subscriptions } of this.#sessions()) {
      if (subscriptions.size > 0) clientsCount++;
      for (const { qos } of subscriptions.values()) if (qos > 0) subsCount++;
    }
    return { subsCount, clientsCount };
  }

  /** The clients that have subscribed to a filter. */
  async *clientsOf(filter: string): AsyncGenerator<string> {
    const clientIds: string[] = [];
    for await (const { clientId, subscriptions } of this.#sessions()) {
      if (subscriptions.has(filter)) clientIds.push(clientId);
    }
    yield* clientIds.sort();
  }

  async #admit(filters: readonly string[]): Promise<void> {
    if (filters.some((filter) => parseFilter(filter) === undefined)) {
      throw new RangeError("Cannot subscribe: a Topic Filter is none");
    }
    const { options } = this.#context;
    const admit = (signal: AbortSignal) => options.store.admitFilters(filters, { signal });
    const admitted = await persistently(options, "admit filters", admit);
    if (!admitted.includes(false)) return;
    throw new SessionError("LIMIT_EXCEEDED", "Cannot subscribe: one kind of filters too many, or a filter too long");
  }

  async *#sessions(): AsyncGenerator<SessionSnapshot> {
    const { store } = this.#context.options;
    for (let next: { readonly cursor?: string } | undefined = {}; next !== undefined;) {
      const { sessions, cursor } = await store.directory.list({ limit: SESSIONS_PER_PAGE, ...next });
      for (const { clientId } of sessions) {
        const stored = await store.read(clientId);
        if (stored !== undefined) yield stored.snapshot;
      }
      next = cursor === undefined ? undefined : { cursor };
    }
  }

  /** As many at a time as a commit takes. */
  async #inParts<Item>(items: readonly Item[], work: (part: readonly Item[]) => Promise<void>): Promise<void> {
    const most = Math.min(this.#context.options.store.capabilities.maxChangesPerBatch, Math.max(1, items.length));
    const parts: Promise<void>[] = [];
    for (let start = 0; start < items.length; start += most) parts.push(work(items.slice(start, start + most)));
    await Promise.all(parts);
  }
}

function isSame(a: Subscription | undefined, b: Subscription): boolean {
  return a?.qos === b.qos && a.noLocal === b.noLocal && a.retainAsPublished === b.retainAsPublished &&
    a.retainHandling === b.retainHandling && a.subscriptionIdentifier === b.subscriptionIdentifier;
}
