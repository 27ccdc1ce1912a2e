/**
 * Why things are with a client as they are: what became of its sessions, and what they lost.
 *
 * @module
 */
import type { DropReason, EndReason } from "../machine/change.ts";
import { together } from "../store/call.ts";
import type { JournalEntry } from "../store/directory.ts";
import type { SessionStore } from "../store/session_store.ts";

/** The end of a session. */
export interface ExplainedEnd {
  /** When it ended, in epoch milliseconds. */
  readonly at: number;
  /** Why. */
  readonly reason: EndReason;
  /** How long its last connection had been gone, in milliseconds; absent where that is not known, or it lasted to the end. */
  readonly afterMs?: number;
  /** Messages that it had lost, by reason, as far as the journal had room for that. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
}

/** The time for which a node owned a session. */
export interface ExplainedOwner {
  /** The epoch. */
  readonly epoch: number;
  /** The node, as far as the journal holds its name. */
  readonly nodeId: string;
  /** Since when, in epoch milliseconds. */
  readonly from: number;
  /** Until when; absent while it does. */
  readonly until?: number;
}

/** Why things are with a client as they are. */
export interface SessionExplanation {
  /** The client. */
  readonly clientId: string;
  /** Whether it has a session. */
  readonly exists: boolean;
  /** What became of its sessions, oldest first, as far as it was kept. */
  readonly journal: readonly JournalEntry[];
  /** Who owned its sessions, oldest first. */
  readonly owners: readonly ExplainedOwner[];
  /** Why a session was not kept: the ends that the journal tells of, latest first. */
  readonly ends: readonly ExplainedEnd[];
  /** Messages that its present session has lost, by reason. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
}

/** Explains how things are with a client. */
export async function explainSession(
  store: SessionStore,
  clientId: string,
  signal: AbortSignal | undefined,
): Promise<SessionExplanation> {
  const call = signal === undefined ? {} : { signal };
  const [journal, summary] = await together([
    store.directory.journal(clientId, call),
    store.directory.inspect(clientId, call),
  ]);
  return {
    clientId,
    exists: summary !== undefined,
    journal,
    owners: ownersOf(journal),
    ends: endsOf(journal).reverse(),
    dropped: summary?.dropped ?? {},
  };
}

function ownersOf(journal: readonly JournalEntry[]): ExplainedOwner[] {
  const owners: ExplainedOwner[] = [];
  let open: ExplainedOwner | undefined;
  const close = (until: number): void => {
    if (open !== undefined) owners.push({ ...open, until });
    open = undefined;
  };
  for (const entry of journal) {
    if (entry.type !== "changed" || open === undefined) close(entry.at);
    if (entry.type === "began" || entry.type === "resumed") {
      open = { epoch: entry.epoch, nodeId: entry.nodeId, from: entry.at };
    }
  }
  return open === undefined ? owners : [...owners, open];
}

function endsOf(journal: readonly JournalEntry[]): ExplainedEnd[] {
  const ends: ExplainedEnd[] = [];
  let detachedAt: number | undefined;
  const end = (at: number, reason: EndReason, dropped: ExplainedEnd["dropped"] = {}): void => {
    ends.push({ at, reason, ...(detachedAt === undefined ? {} : { afterMs: at - detachedAt }), dropped });
  };
  for (const entry of journal) {
    if (entry.type === "ended") end(entry.at, entry.reason, entry.dropped);
    if (entry.type === "began" && entry.ended !== undefined) end(entry.at, entry.ended, entry.dropped);
    if (entry.type === "detached") detachedAt = entry.at;
    else if (entry.type !== "changed") detachedAt = undefined;
  }
  return ends;
}
