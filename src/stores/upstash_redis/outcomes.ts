/**
 * What became of deliveries, as a script tells it.
 *
 * @module
 */
import { DROP_REASONS } from "../../store/records/drops.ts";
import type { CommitBatch, DeliveryReceiver, ReceiverOutcome } from "../../store/session_store.ts";
import { nameOf } from "./fields.ts";
import { wholeNumber } from "./text.ts";

/** More than one message ever displaces. */
const MAX_GAVE_WAY = 10_000_000;

/** Reads the outcomes of the receivers that were served; the others are owed. Lists follow the deliveries. */
export function outcomesOf(
  batch: CommitBatch,
  served: readonly number[],
  told: string,
): readonly (readonly ReceiverOutcome[])[] {
  const words = told === "" ? [] : told.split(";");
  let next = 0;
  return batch.deliveries.map(({ receivers = [] }, index) =>
    whole(
      receivers.map((receiver, place) =>
        place < (served[index] ?? 0) ? outcomeOf(receiver, words[next++] ?? "") : owed(receiver)
      ),
    )
  );
}

/** Of a word that is none nothing is known: whoever gets no list looks for itself. */
function whole(outcomes: readonly (ReceiverOutcome | undefined)[]): readonly ReceiverOutcome[] {
  const known = outcomes.filter((outcome) => outcome !== undefined);
  return known.length === outcomes.length ? known : [];
}

/** The answer to a batch that was carried out before: lists that are not known any more are empty. */
export function repeatedOutcomes(
  batch: CommitBatch,
  served: readonly number[],
  told: string,
): readonly (readonly ReceiverOutcome[])[] {
  const count = served.reduce((sum, each) => sum + each, 0);
  if (count > 0 && told === "") return batch.deliveries.map(() => []);
  return outcomesOf(batch, served, told);
}

/**
 * The outcomes of copies, by their places among all. A list with one that was taken before is empty: what became of it is
 * not known any more.
 */
export function listsOf(batch: CommitBatch, told: readonly string[]): readonly (readonly ReceiverOutcome[])[] {
  let place = 0;
  return batch.deliveries.map(({ receivers = [] }) => {
    const words = receivers.map(() => told[place++] ?? "");
    if (words.some((word) => !/^[ade]/.test(word))) return [];
    return whole(receivers.map((receiver, index) => outcomeOf(receiver, words[index] ?? "")));
  });
}

function owed({ clientId, incarnation }: DeliveryReceiver): ReceiverOutcome {
  return { outcome: "owed", clientId, incarnation };
}

function outcomeOf({ clientId, incarnation }: DeliveryReceiver, told: string): ReceiverOutcome | undefined {
  const [kind, value, node, ...gaveWay] = told.split(" ");
  switch (kind) {
    case "a": {
      const sequence = wholeNumber(value ?? "") ?? 0;
      const [oldest = 0, replaced = 0, ofGroup = 0] = gaveWay.map((count) => wholeNumber(count) ?? 0);
      if (sequence < 1 || oldest + replaced + ofGroup > MAX_GAVE_WAY) return undefined;
      const dropped = [
        ...Array.from({ length: replaced }, () => "replaced" as const),
        ...Array.from({ length: ofGroup }, () => "filterFullOldest" as const),
        ...Array.from({ length: oldest }, () => "queueFullOldest" as const),
      ];
      return {
        outcome: "appended",
        clientId,
        incarnation,
        sequence,
        ...(node === undefined || node === "" ? {} : { ownerNode: nameOf(node) }),
        ...(dropped.length > 0 ? { dropped } : {}),
      };
    }
    case "d":
      return { outcome: "dropped", clientId, incarnation, reason: DROP_REASONS[Number(value) - 1] ?? "unreadable" };
    case "e":
      return { outcome: "ended", clientId, incarnation };
    default:
      return undefined;
  }
}
