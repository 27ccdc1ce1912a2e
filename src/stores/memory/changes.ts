import type { EndSession, SessionChange } from "../../machine/change.ts";
import { copyOfWill } from "./copies.ts";
import type { SessionRecord } from "./records.ts";
import type { World } from "./world.ts";

/**
 * Carries changes out in place; answers whether the session goes on.
 *
 * The meaning is that of `applyChanges`, with which the tests compare it; what is added is the log, the counters and
 * the index, which are not in a snapshot.
 */
export function carryOut(world: World, record: SessionRecord, changes: readonly SessionChange[]): boolean {
  for (const change of changes) {
    if (change.type === "endSession") {
      world.endSession(record);
      return false;
    }
    carryOutOne(world, record, change);
  }
  return true;
}

function carryOutOne(world: World, record: SessionRecord, change: Exclude<SessionChange, EndSession>): void {
  switch (change.type) {
    case "putHead":
      record.head = { ...change.head };
      return;
    case "putSentLimit":
      record.head = { ...record.head, sentLimit: change.sentLimit };
      return;
    case "putWill":
      record.will = copyOfWill(change.will);
      return;
    case "deleteWill":
      record.will = undefined;
      return;
    case "putSubscription":
      world.putSubscription(record, change.filter, change.subscription);
      return;
    case "deleteSubscription":
      world.deleteSubscription(record, change.filter);
      return;
    case "putOutboundMark":
      (record.outbound ??= new Map()).set(change.sequence, { ...change.mark });
      return;
    case "deleteOutboundMark":
      record.outbound?.delete(change.sequence);
      return;
    case "deleteQueued": {
      if (record.outbound?.get(change.sequence)?.phase === "sent") record.outbound.delete(change.sequence);
      // What gave way at the limit was counted then.
      const wasThere = record.log?.remove(change.sequence) === true;
      if (wasThere && change.dropped !== undefined) world.countDrop(record, change.dropped);
      return;
    }
    case "putInboundId":
      (record.inbound ??= new Set()).add(change.packetId);
      return;
    case "deleteInboundId":
      record.inbound?.delete(change.packetId);
      return;
    case "putQuarantine":
      (record.quarantine ??= new Set()).add(change.packetId);
      return;
    case "deleteQuarantine":
      record.quarantine?.delete(change.packetId);
      return;
    default:
      change satisfies never;
  }
}
