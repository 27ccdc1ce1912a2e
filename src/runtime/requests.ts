import type { SessionAcquired, SubscribeAuthorized } from "../machine/event.ts";
import type { AcquireTerms, AuthorizeSubscribeRequest, Request } from "../machine/request.ts";
import type { Acquired } from "../store/session_store.ts";
import { acquire, type Asker } from "./acquire.ts";
import type { HostAuthentication } from "./authentication.ts";
import type { BrokerContext } from "./context.ts";
import { entitlementOf } from "./entitlement.ts";
import type { Membership } from "./groups/membership.ts";
import type { PublishRoute } from "./publish_route.ts";
import type { QueueFeed } from "./queue_feed.ts";
import type { RetainedFeed } from "./retained_feed.ts";
import type { Stepping } from "./stepping.ts";
import { judgeFilters } from "./subscribe.ts";

/** What a client may have no more: nothing, or what the host has said. */
export type Entitlement = Pick<SessionAcquired, "revoked" | "withheld">;

/** The connection, as what its machine asks sees it. */
export interface RequestsOwner extends Asker {
  readonly clientId: string;
  /** The session is this connection's; the host could not be asked what its client may have where there is no answer. */
  acquired(answer: Acquired, entitlement: Entitlement | undefined): void;
  troubled(error: unknown): void;
}

/** Who answers. */
export interface Answerers {
  readonly steps: Stepping;
  readonly authentication: HostAuthentication;
  readonly route: PublishRoute;
  readonly feed: QueueFeed;
  readonly retained: RetainedFeed;
  readonly membership: Pick<Membership, "join">;
}

/** What the machine of one connection asks: each request is put to who can answer it, and comes back as an event. */
export class Requests {
  readonly #context: BrokerContext;
  readonly #owner: RequestsOwner;
  readonly #answerers: Answerers;

  constructor(context: BrokerContext, owner: RequestsOwner, answerers: Answerers) {
    this.#context = context;
    this.#owner = owner;
    this.#answerers = answerers;
  }

  /** Puts one request. */
  ask(request: Request): void {
    const { tasks, acquires } = this.#context;
    const { steps, authentication, route, feed, retained } = this.#answerers;
    switch (request.type) {
      case "authenticate":
      case "authenticateStep":
      case "reauthenticate":
        return authentication.ask(request);
      case "acquire":
        steps.awaited = "acquire";
        return tasks.add(acquires.take(request.terms.clientId, () => this.#acquire(request.terms)));
      case "routePublish":
        return route.ask(request);
      case "authorizeSubscribe":
        steps.awaited = "subscribe";
        return tasks.add(this.#authorizeSubscribe(request));
      case "loadQueue":
        return feed.load(request);
      case "loadRetained":
        return retained.load(request);
      default:
        request satisfies never;
    }
  }

  async #acquire(terms: AcquireTerms): Promise<void> {
    const answer = await acquire(this.#context, terms, this.#owner);
    if ("type" in answer) return this.#answerers.steps.answer(answer);
    const { options } = this.#context;
    const isAsked = answer.resumed && options.authorize !== undefined;
    const entitled = { clientId: terms.clientId, principal: this.#owner.principal };
    this.#owner.acquired(answer, isAsked ? await entitlementOf(options, entitled, answer) : {});
  }

  async #authorizeSubscribe({ ref, subscriptions }: AuthorizeSubscribeRequest): Promise<void> {
    const { steps, membership } = this.#answerers;
    const authorized = (verdicts: readonly number[]): SubscribeAuthorized => ({
      type: "subscribeAuthorized",
      ref,
      verdicts,
    });
    const { clientId, principal } = this.#owner;
    const subscriber = { clientId, principal, join: (filter: string) => membership.join(filter) };
    await judgeFilters(this.#context, subscriber, subscriptions).then(
      (verdicts) => steps.answer(authorized(verdicts)),
      (error) => this.#owner.troubled(error),
    );
  }
}
