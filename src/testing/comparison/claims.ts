/** What moves from one log into others, and back: what a shared group does. */
import { messageBytes, type QueuedMessage } from "../../mqtt/message.ts";
import type { QoS } from "../../mqtt/qos.ts";
import type { CommitBatch, DeliveryReceiver } from "../../store/session_store.ts";
import { UNLIMITED } from "../../store/unlimited.ts";
import type { Random } from "../random.ts";
import type { Target } from "./draw.ts";

/** The parts of a batch by which entries move. */
export type Moves = Pick<CommitBatch, "changes" | "deliveries" | "isWhole"> & Partial<Pick<CommitBatch, "limits">>;

/** A session, and who owns it, if anybody does. */
export interface Taker extends Target {
  readonly token: string | undefined;
}

/** A claim of some entries of a log, each for one of these; now and then one that nobody can carry out. */
export function drawClaim(
  chance: Random,
  { clientId, incarnation }: Target,
  entries: readonly QueuedMessage[],
  takers: readonly Taker[],
): Moves {
  const claimed = chance.shuffle(entries).slice(0, 1 + chance.below(3));
  const gone = chance.chance(0.1) ? [{ type: "deleteQueued" as const, sequence: 100_000, bytes: 1 }] : [];
  return {
    isWhole: true,
    // As a broker does, who knows that there is room; or as nobody does, so that there is none now and then.
    ...(chance.chance(0.6) ? { limits: UNLIMITED } : {}),
    changes: [...claimed.map(removal), ...gone],
    deliveries: claimed.map((entry) => {
      const { qos, retain } = entry;
      const taker = chance.pick(takers);
      const token = chance.chance(0.9) ? taker.token : undefined;
      const receiver: DeliveryReceiver = {
        clientId: taker.clientId,
        incarnation: taker.incarnation,
        qos: Math.min(qos, chance.below(3)) as QoS,
        retain: retain && chance.chance(0.5),
        subscriptionIdentifiers: chance.chance(0.3) ? [3] : [],
        ownedBy: token ?? "nobody",
        claimed: { clientId, incarnation, qos, retain },
      };
      return { message: messageOf(entry), receivers: [receiver] };
    }),
  };
}

/** What was claimed goes back to where it came from. */
export function drawReturn(chance: Random, entries: readonly QueuedMessage[]): Moves {
  const claimed = entries.filter((entry) => entry.claimed !== undefined).slice(0, 1 + chance.below(3));
  return {
    changes: claimed.map(removal),
    deliveries: claimed.flatMap((entry) => {
      if (entry.claimed === undefined) return [];
      const { clientId, incarnation, qos, retain } = entry.claimed;
      const message = { ...messageOf(entry), qos, retain };
      return [{ message, receivers: [{ clientId, incarnation, qos, retain, subscriptionIdentifiers: [] }] }];
    }),
  };
}

function removal(entry: QueuedMessage): CommitBatch["changes"][number] {
  return { type: "deleteQueued", sequence: entry.sequence, bytes: messageBytes(entry) };
}

function messageOf(entry: QueuedMessage): CommitBatch["deliveries"][number]["message"] {
  const { sequence: _sequence, subscriptionIdentifiers: _ids, claimed: _claimed, ...message } = entry;
  return message;
}
