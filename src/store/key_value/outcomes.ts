/**
 * What a batch answered, packed into its session's head, so that a repeated batch answers the same (D8).
 *
 * Which receiver got what is kept, in runs. Sequences, owner nodes and what gave way are not: a repeated answer leaves
 * them out. It must not guess: a node takes its own copy for the entry of the sequence that it is told.
 */
import type { DropReason } from "../../machine/change.ts";
import { ByteWriter, decodeFields, readable } from "../encoding.ts";
import { readDropReason, writeDropReason } from "../records/drops.ts";
import type { ReceiverOutcome } from "../session_store.ts";

/** Beyond this many bytes the outcomes are not kept. */
const MAX_BYTES = 512;

const OUTCOMES = ["appended", "dropped", "ended", "owed"] as const satisfies readonly ReceiverOutcome["outcome"][];

/** What is kept of an outcome. */
export interface PackedOutcome {
  readonly outcome: ReceiverOutcome["outcome"];
  readonly reason?: DropReason;
}

/** Packs outcomes; nothing when there are none, or too many different ones. */
export function packOutcomes(deliveries: readonly (readonly ReceiverOutcome[])[]): Uint8Array {
  const writer = new ByteWriter();
  let run: { readonly packed: PackedOutcome; length: number } | undefined;
  const flush = (): void => {
    if (run === undefined) return;
    writer.number(run.length).number(OUTCOMES.indexOf(run.packed.outcome));
    if (run.packed.reason !== undefined) writeDropReason(writer, run.packed.reason);
  };
  for (const outcome of deliveries.flat()) {
    const packed: PackedOutcome = outcome.outcome === "dropped"
      ? { outcome: "dropped", reason: outcome.reason }
      : { outcome: outcome.outcome };
    if (run?.packed.outcome === packed.outcome && run.packed.reason === packed.reason) {
      run.length++;
      continue;
    }
    flush();
    run = { packed, length: 1 };
  }
  flush();
  return writer.length > MAX_BYTES ? new Uint8Array() : writer.finish();
}

/** Unpacks outcomes, as many as are wanted; all count as appended when none were kept, or they cannot be read. */
export function unpackOutcomes(bytes: Uint8Array, count: number): PackedOutcome[] {
  const outcomes = readable(() =>
    decodeFields("", bytes, (reader) => {
      const kept: PackedOutcome[] = [];
      while (reader.left > 0) {
        const length = Math.min(reader.number(), count - kept.length);
        const outcome = reader.word(OUTCOMES);
        const packed: PackedOutcome = outcome === "dropped" ? { outcome, reason: readDropReason(reader) } : { outcome };
        for (let index = 0; index < length; index++) kept.push(packed);
      }
      return kept;
    })
  ) ?? [];
  while (outcomes.length < count) outcomes.push({ outcome: "appended" });
  return outcomes;
}
