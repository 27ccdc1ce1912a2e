import type { SessionChange } from "../machine/change.ts";
import type { StepResult } from "../machine/step.ts";
import type { Receiver } from "../routing/resolve.ts";
import type { Delivery } from "../store/session_store.ts";
import type { BrokerContext } from "./context.ts";
import type { Offer } from "./deeds.ts";
import type { Letter } from "./mailbox.ts";

const NO_CHANGES: readonly SessionChange[] = [];
const NO_DELIVERIES: readonly Delivery[] = [];

/**
 * What a step left, with its messages turned into deliveries. `receivers` are those of the publish that was routed last,
 * which is the only one that a step can hand on; a retained message goes to the session itself.
 */
export function letterOf(
  context: BrokerContext,
  result: StepResult,
  receivers: readonly Receiver[],
  { clientId, incarnation }: Pick<Receiver, "clientId" | "incarnation">,
): Letter {
  const { effects } = result;
  if (result.changes.length === 0) return { changes: NO_CHANGES, deliveries: NO_DELIVERIES, effects };
  const changes: SessionChange[] = [];
  const deliveries: Delivery[] = [];
  let offers: readonly Offer[] = [];
  let refusableRef: number | undefined;
  for (const change of result.changes) {
    if (change.type !== "publishMessage") {
      changes.push(change);
      if (change.type === "putHead") context.noteDue(change.head);
      continue;
    }
    const { ref, message, copy } = change;
    if (copy !== undefined) {
      deliveries.push({ message, receivers: [{ clientId, incarnation, ...copy }] });
      continue;
    }
    if (ref === undefined) {
      deliveries.push({ message, receivers: undefined });
      continue;
    }
    const dispatch = context.router.dispatch(message, receivers);
    offers = dispatch.offers;
    if (dispatch.delivery === undefined) continue;
    deliveries.push(dispatch.delivery);
    // What is retained was taken by somebody already, and who publishes at QoS 0 hears of no refusal.
    const isTaken = message.qos === 0 || (message.retain && context.retention !== undefined);
    if (context.options.queue.whenFull === "reject" && !isTaken) refusableRef = ref;
  }
  return { changes, deliveries, effects, offers, ...(refusableRef === undefined ? {} : { refusableRef }) };
}
