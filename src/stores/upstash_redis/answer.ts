/**
 * What a script answered to a batch.
 *
 * @module
 */
import { unreadable } from "../../store/encoding.ts";
import type { CommitResult } from "../../store/session_store.ts";
import type { IndexChange } from "./checks.ts";
import { RedisGuard } from "./guard.ts";
import { readChanges } from "./index.ts";
import type { RedisKeys } from "./keys.ts";
import { outcomesOf, repeatedOutcomes } from "./outcomes.ts";
import type { Prepared } from "./prepare.ts";
import { readReply } from "./text.ts";
import type { Reply } from "./transport.ts";

/** What a script answered to a batch, and what it left to its caller. */
export interface Answered {
  /** Whether the batch was carried out before. */
  readonly isRepeated: boolean;
  readonly result: CommitResult;
  readonly changes: readonly IndexChange[];
}

/** Reads what a script answered to a batch. */
export function resultOf(
  keys: RedisKeys,
  { batch, state, folded, served }: Prepared,
  reply: Reply | undefined,
): Answered {
  return readReply(reply ?? "", "commit", (reader): Answered => {
    const status = reader.text();
    switch (status) {
      case "s":
        return { isRepeated: false, result: { outcome: "superseded" }, changes: [] };
      case "r":
        return { isRepeated: false, result: refusalOf(batch), changes: [] };
      case "x":
        throw unreadable(state === undefined ? "" : keys.log(state.clientId), "its state is none");
      default: {
        const told = reader.text();
        const changes = status === "c" ? readChanges(reader) : [];
        const after = folded?.after && state && new RedisGuard({
          ...folded.after,
          epoch: state.epoch + Number(batch.raiseEpoch !== undefined),
          version: state.version + 1,
        });
        const outcomes = status === "p" ? repeatedOutcomes : outcomesOf;
        return {
          isRepeated: status === "p",
          result: {
            outcome: "committed",
            ...(after === undefined ? {} : { guard: after }),
            deliveries: outcomes(batch, served, told),
          },
          changes,
        };
      }
    }
  }, { writes: true });
}

function refusalOf({ isWhole }: Prepared["batch"]): CommitResult {
  return { outcome: "refused", reason: isWhole ? "notTaken" : "queueFull" };
}

/** Reads what a script answered that only appended: the outcome of each copy. */
export function readAppends(
  reply: Reply,
): { readonly told: readonly string[]; readonly changes: readonly IndexChange[] } {
  return readReply(reply, "commit", (reader) => {
    const status = reader.text();
    if (status !== "c") reader.refuse(`it is ${status}`);
    return { told: reader.text().split(";"), changes: readChanges(reader) };
  }, { writes: true });
}
