/** What an owner learns of its log from a commit of its own. */
import type { OwnerDraft } from "./changes.ts";
import type { ChunkRef } from "./chunk_ref.ts";
import type { GuardState } from "./guard.ts";
import { type Layout, ROW } from "./layout.ts";
import type { World } from "./world.ts";

/** A row that a batch appends to the log of its own session. */
export interface AppendedRow {
  readonly sequence: number;
  readonly body: ChunkRef | undefined;
}

/** What a commit did. */
export interface Learning {
  readonly layout: Layout;
  /** As it is after the commit, all batches of it. */
  readonly world: World;
  readonly draft: OwnerDraft;
  readonly appended: readonly AppendedRow[];
  readonly version: string;
}

/** Brings up to date what all guards of the owner know of the log. */
export function learn({ head, log }: GuardState, { layout, world, draft, appended, version }: Learning): void {
  const { clientId, incarnation } = head;
  for (const sequence of draft.removed) log.remove(sequence);
  log.limitTo(draft.head.session.sentLimit);
  const rows = layout.rows(clientId, incarnation);
  for (const { sequence, body } of appended) {
    // What gave way in the same commit was never there.
    if (!world.dropped.get(ROW.queued(rows, sequence))) log.append(sequence, { body, version });
  }
  const gateKey = layout.gate(clientId);
  const gate = world.gates.get(gateKey);
  const gateVersion = world.versionOf(gateKey);
  // A gate that was guessed and not written was not looked at by the commit either.
  if (gate === undefined || gate === "unreadable" || gateVersion === null || world.assumed.has(gateKey)) return;
  if (gate.incarnation === incarnation) log.leftGate({ gate, version: gateVersion });
}
