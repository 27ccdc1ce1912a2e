/** The group of the tests of shared groups, and the calls that change it. */
import type { CommitBatch } from "../../../src/store/session_store.ts";
import type { InterceptedCall } from "../../../src/testing/mod.ts";

export const FILTER = "$share/g/t";
export const GROUP = `\u0000${FILTER}`;

/** Whether a call is a commit on the group in which such a row is written, or removed. */
export function changesRow(kind: "member" | "node", type: "putSubscription" | "deleteSubscription") {
  return ({ name, args }: InterceptedCall): boolean =>
    name === "commit" &&
    // The first argument of a commit is its batches.
    (args[0] as readonly CommitBatch[]).some(({ guard, changes }) =>
      guard?.clientId === GROUP &&
      changes.some((each) => each.type === type && each.filter.startsWith(`$share/${kind}/`))
    );
}

/** Whether a call is the commit by which a member leaves the group, or the last one ends it. */
export function leaves(call: InterceptedCall): boolean {
  const ends = (batch: CommitBatch) =>
    batch.guard?.clientId === GROUP && batch.changes.some(({ type }) => type === "endSession");
  return call.name === "commit" && (call.args[0] as readonly CommitBatch[]).some(ends) ||
    changesRow("member", "deleteSubscription")(call);
}
