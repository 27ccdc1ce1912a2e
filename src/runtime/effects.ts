import type { Effect } from "../machine/effect.ts";
import type { BrokerEvent } from "./observe.ts";

/** What an observer is told of an effect that is nothing but news. */
export function newsOf(
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
