/**
 * Messages that no member connected to a node may have: the node says in the store up to where it has passed them over, so
 * that the last one to do so drops them. A row of the group holds the node and the sequence.
 */
import type { SessionChange } from "../../machine/change.ts";
import type { SessionSnapshot } from "../../machine/snapshot.ts";
import { nodesOf, rowOptions } from "./names.ts";

const PASSED = "$share/passed/";

/** The rows of a node. */
function rowsOf({ subscriptions }: SessionSnapshot, nodeId: string): string[] {
  const start = `${PASSED}${encodeURIComponent(nodeId)}/`;
  return [...subscriptions.keys()].filter((row) => row.startsWith(start));
}

/** Up to which sequence a node has passed over all that waits; 0 when it has not. */
export function passedBy(snapshot: SessionSnapshot, nodeId: string): number {
  return Math.max(0, ...rowsOf(snapshot, nodeId).map((row) => Number(row.slice(row.lastIndexOf("/") + 1))));
}

/** Up to which sequence every other node with a connected member has; `Infinity` when there is none. */
export function passedByOthers(snapshot: SessionSnapshot, nodeId: string): number {
  const others = [...nodesOf(snapshot).keys()].filter((each) => each !== nodeId);
  return Math.min(Infinity, ...others.map((each) => passedBy(snapshot, each)));
}

/** The changes by which a node has passed over what waits up to a sequence, or nothing at 0. */
export function passing(snapshot: SessionSnapshot, nodeId: string, through: number): SessionChange[] {
  const wanted = through === 0 ? undefined : `${PASSED}${encodeURIComponent(nodeId)}/${through}`;
  const rows = rowsOf(snapshot, nodeId);
  const changes = rows.filter((row) => row !== wanted).map((filter): SessionChange => ({
    type: "deleteSubscription",
    filter,
  }));
  if (wanted !== undefined && !rows.includes(wanted)) {
    changes.push({ type: "putSubscription", filter: wanted, subscription: rowOptions() });
  }
  return changes;
}

/** Whether some node has passed over anything. */
export function isPassedOver({ subscriptions }: SessionSnapshot): boolean {
  return [...subscriptions.keys()].some((row) => row.startsWith(PASSED));
}
