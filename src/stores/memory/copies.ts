/** Copies at the border: what came in or goes out shares no bytes with the store. */
import type { Message, MessageProperties } from "../../mqtt/message.ts";
import type { Will } from "../../mqtt/will.ts";
import type { LoggedTerms } from "../../store/waiting_terms.ts";
import type { DeliveryReceiver } from "../../store/session_store.ts";

/** A message that shares nothing that can be written to. */
export function copyOfMessage(message: Message): Message {
  return { ...message, payload: message.payload.slice(), properties: copyOfProperties(message.properties) };
}

/** A Will that shares nothing that can be written to. */
export function copyOfWill(will: Will): Will {
  return { ...will, payload: will.payload.slice(), properties: copyOfProperties(will.properties) };
}

/** A receiver that shares nothing that can be written to. */
export function copyOfReceiver(receiver: DeliveryReceiver): DeliveryReceiver {
  return { ...receiver, subscriptionIdentifiers: [...receiver.subscriptionIdentifiers] };
}

/** What a log keeps of terms. */
export function copyOfTerms({ slot, group, priority = 0 }: LoggedTerms): LoggedTerms {
  return {
    ...(slot === undefined ? {} : { slot }),
    ...(group === undefined ? {} : { group: { name: group.name } }),
    ...(priority === 0 ? {} : { priority }),
  };
}

function copyOfProperties(properties: MessageProperties): MessageProperties {
  const { correlationData, userProperties } = properties;
  return {
    ...properties,
    ...(correlationData === undefined ? {} : { correlationData: correlationData.slice() }),
    ...(userProperties === undefined
      ? {}
      : { userProperties: userProperties.map(([name, value]) => [name, value] as const) }),
  };
}
