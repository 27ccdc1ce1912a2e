import type { Effect } from "../machine/effect.ts";
import type { ServerPacket } from "../mqtt/packet.ts";
import * as REASON from "../mqtt/reason.ts";
import type { Line } from "./line.ts";
import type { BrokerEvent, Observe } from "./observe.ts";
import type { BrokerConnection } from "./transport.ts";

/** The connection, as its effects see it. */
export interface OutletOwner extends Pick<BrokerConnection, "closed"> {
  readonly clientId: string;
  /** Closes the transport, and whatever feeds it. */
  closeLine(): void;
}

/** Carries the effects of one connection out: packets to its client, news to whoever observes. */
export class Outlet {
  readonly #observe: Observe;
  readonly #line: Line;
  readonly #owner: OutletOwner;
  #closeReason: number = REASON.unspecifiedError;
  #ended = false;

  constructor(observe: Observe, line: Line, owner: OutletOwner) {
    this.#observe = observe;
    this.#line = line;
    this.#owner = owner;
  }

  /** Why the connection was closed. */
  get closeReason(): number {
    return this.#closeReason;
  }

  /** Whether the session has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Carries one effect out. */
  run(effect: Effect): void {
    switch (effect.type) {
      case "sendPacket":
        return this.#send(effect.packet);
      case "closeConnection":
        this.#closeReason = effect.reasonCode;
        return this.#owner.closeLine();
      case "sessionEnded":
        this.#ended = true;
        return this.#observe(newsOf(effect, this.#owner.clientId));
      default:
        return this.#observe(newsOf(effect, this.#owner.clientId));
    }
  }

  #send(packet: ServerPacket): void {
    const outcome = this.#line.send(packet);
    if (outcome === "lost") return this.#owner.closed("error");
    if (outcome === "gone" || packet.type !== "connack" || packet.reasonCode !== 0) return;
    this.#observe({ type: "connected", clientId: this.#owner.clientId, resumed: packet.sessionPresent });
  }
}

/** What an observer is told of an effect that is nothing but news. */
function newsOf(
  effect: Exclude<Effect, { readonly type: "sendPacket" | "closeConnection" }>,
  clientId: string,
): BrokerEvent {
  switch (effect.type) {
    case "messageDropped":
      return { type: "dropped", clientId, reason: effect.reason, topic: effect.topic };
    case "deliveryCompleted":
      return { type: "delivered", clientId, sequence: effect.sequence, reasonCode: effect.reasonCode };
    case "sessionEnded":
      return { type: "ended", clientId, reason: effect.reason };
    case "subscriptionRevoked":
      return { type: "subscriptionRevoked", clientId, filter: effect.filter };
    case "diagnosed": {
      const { type: _type, ...diagnosed } = effect;
      return { type: "diagnosed", clientId, ...diagnosed };
    }
    default:
      return effect satisfies never;
  }
}
