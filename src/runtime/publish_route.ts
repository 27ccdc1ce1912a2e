import type { PublishRefused, PublishRouted } from "../machine/event.ts";
import type { RoutePublishRequest } from "../machine/request.ts";
import { messageBytes } from "../mqtt/message.ts";
import type { ProtocolVersion } from "../mqtt/packet.ts";
import * as REASON from "../mqtt/reason.ts";
import type { Receiver, SubscriptionMatch } from "../routing/resolve.ts";
import type { BrokerContext } from "./context.ts";
import type { Inbox } from "./inbox.ts";
import type { Mailbox } from "./mailbox.ts";
import { isAllowed } from "./permission.ts";

/** The connection, as its publishes see it. */
export interface PublishOwner {
  readonly clientId: string;
  readonly principal: string | undefined;
  readonly protocolVersion: ProtocolVersion;
  readonly inbox: Inbox;
  readonly mailbox: Mailbox;
  /** The answer takes a while: no packet is taken before it. */
  waitForRoute(): void;
  answer(event: PublishRouted | PublishRefused): void;
  troubled(error: unknown): void;
}

/** Answers where a publish goes: is it allowed, and who gets it? One at a time. */
export class PublishRoute {
  readonly #context: BrokerContext;
  readonly #owner: PublishOwner;
  #postponed: RoutePublishRequest | undefined;
  /** Who gets the publish that was routed last. */
  receivers: readonly Receiver[] = [];

  constructor(context: BrokerContext, owner: PublishOwner) {
    this.#context = context;
    this.#owner = owner;
  }

  /** Answers at once where nobody has to be asked. */
  ask(request: RoutePublishRequest): void {
    const { options, tasks } = this.#context;
    const { ref, message } = request;
    if (messageBytes(message) > options.store.capabilities.maxMessageBytes) {
      return this.#owner.answer({ type: "publishRefused", ref, reasonCode: REASON.quotaExceeded });
    }
    const allowed = options.authorize === undefined || isAllowed(options, {
      clientId: this.#owner.clientId,
      ...(this.#owner.principal === undefined ? {} : { principal: this.#owner.principal }),
      action: "publish",
      topic: message.topic,
      qos: message.qos,
    });
    if (typeof allowed === "boolean") return this.#judged(request, allowed);
    this.#owner.waitForRoute();
    tasks.ask(allowed.then((verdict) => this.#judged(request, verdict)));
  }

  /** Something was committed: perhaps the subscription that a look-up waits for. */
  mailboxMoved(): void {
    const postponed = this.#postponed;
    if (postponed === undefined || this.#owner.mailbox.movesSubscriptions) return;
    this.#postponed = undefined;
    this.#lookUp(postponed);
  }

  #judged(request: RoutePublishRequest, allowed: boolean): void {
    const { ref } = request;
    if (!allowed) return this.#owner.answer({ type: "publishRefused", ref, reasonCode: REASON.notAuthorized });
    const { retention, tasks } = this.#context;
    if (request.message.retain && retention !== undefined) {
      this.#owner.waitForRoute();
      const refusable = this.#owner.protocolVersion === 5 && request.message.qos > 0;
      tasks.add(
        retention.retain(request.message, { refusable }).then((outcome) => {
          if (outcome === "retained") return this.#find(request);
          this.#owner.answer({ type: "publishRefused", ref, reasonCode: REASON.quotaExceeded });
        }).catch((error) => this.#owner.troubled(error)),
      );
      return;
    }
    const known = this.#owner.inbox.matchesOfCurrent;
    if (known !== undefined) return this.#routed(request, known);
    this.#owner.waitForRoute();
    this.#find(request);
  }

  #find(request: RoutePublishRequest): void {
    // A look-up would not see a subscription of this client that is still on its way to the store.
    if (this.#owner.mailbox.movesSubscriptions) this.#postponed = request;
    else this.#lookUp(request);
  }

  #lookUp(request: RoutePublishRequest): void {
    const { topic } = request.message;
    const { router, tasks } = this.#context;
    const ahead = this.#owner.inbox.publishesAhead();
    tasks.add(
      router.match([topic, ...ahead.map((item) => item.topic)]).then((found) => {
        for (const item of ahead) item.matches = found.get(item.topic);
        this.#routed(request, found.get(topic) ?? []);
      }).catch((error) => this.#owner.troubled(error)),
    );
  }

  #routed(request: RoutePublishRequest, matches: readonly SubscriptionMatch[]): void {
    this.receivers = this.#context.router.receivers(request.message, matches);
    this.#owner.answer({ type: "publishRouted", ref: request.ref, receivers: this.receivers.length });
  }
}
