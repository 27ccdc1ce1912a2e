/**
 * The journal of a session: what became of it and when, the newest entries within a fixed number of characters.
 *
 * It is a text that any store can append to and cut, its scripts as well: entries of visible ASCII, each ended by `;`. It is
 * written with commits that happen anyway, goes over to the next session of its client, and of one that has ended it
 * stays for {@linkcode JOURNAL_KEPT_MS}; not of one that ended with its connection, as its client asked for, since of such
 * there may be any number.
 *
 * @module
 */
import type { EndReason } from "../../machine/change.ts";
import type { SessionHead } from "../../machine/snapshot.ts";
import { escapePart } from "../keys.ts";
import { DROP_REASONS, type Drops } from "./drops.ts";
import type { CommitBatch } from "../session_store.ts";
import type { JournalEntry } from "../directory.ts";

/** The most characters of a journal. */
export const JOURNAL_CHARACTERS = 640;

/** How long the journal of an ended session is kept, in milliseconds: a day. */
export const JOURNAL_KEPT_MS = 86_400_000;

/** The most characters of a node's name in an entry. */
export const JOURNAL_NODE = 32;

/** The most characters by which an entry tells what an ended session had lost. */
export const JOURNAL_DROPS = 40;

/** What ended a session in an acquire, by the letter that tells it. */
const ENDED_BEFORE = { c: "cleanStart", t: "takenOver", x: "expired" } as const;

/** The reasons of an end in the order in which entries number them; new ones are added at the end. */
const END_REASONS = [
  "expired",
  "cleanStart",
  "disconnected",
  "takenOver",
  "administrative",
] as const satisfies readonly EndReason[];

/** What an entry tells of an acquire. */
export interface AcquireFacts {
  readonly at: number;
  /** After the acquire. */
  readonly epoch: number;
  readonly resumed: boolean;
  readonly nodeId: string;
  /** The node of the living owner that was superseded. */
  readonly superseded?: string;
  /** What ended the session before. */
  readonly ended?: "expired" | "cleanStart" | "takenOver";
}

/** A journal with one more entry; the oldest give way. An empty entry adds nothing. */
export function withEntry(journal: string, entry: string): string {
  let text = journal + entry;
  while (text.length > JOURNAL_CHARACTERS) text = text.slice(text.indexOf(";") + 1);
  return text;
}

/** Whether changes end a session with its connection, as its client asked for: then nothing is kept of it. */
export function endsQuietly(changes: CommitBatch["changes"]): boolean {
  return changes.some((change) => change.type === "endSession" && change.reason === "disconnected");
}

/**
 * An entry that tells of an end, with what the session that ended had lost: a letter for each reason, `A` for the first, and
 * how many. What finds no room is left out.
 */
export function withDropped(entry: string, dropped: Drops): string {
  let told = "";
  for (const [index, reason] of DROP_REASONS.entries()) {
    const count = dropped[reason] ?? 0;
    const text = count === 0 ? "" : String.fromCharCode(FIRST_LETTER + index) + count;
    if (told.length + text.length <= JOURNAL_DROPS) told += text;
  }
  return entry === "" || told === "" ? entry : `${entry.slice(0, -1)}/${told};`;
}

const FIRST_LETTER = 65;

/** Whether changes end a session of which a journal is kept. */
export function endsLoudly(changes: CommitBatch["changes"]): boolean {
  return changes.some((change) => change.type === "endSession" && change.reason !== "disconnected");
}

/** What an entry tells of losses, as {@linkcode withDropped} put it. */
function readDropped(told: string | undefined): { readonly dropped?: Drops } {
  const found = [...(told ?? "").matchAll(/([A-Z])([0-9]+)/g)].flatMap(([, letter = "", count]) => {
    const reason = DROP_REASONS[letter.charCodeAt(0) - FIRST_LETTER];
    return reason === undefined ? [] : [[reason, Number(count)] as const];
  });
  return found.length === 0 ? {} : { dropped: Object.fromEntries(found) };
}

/** The entry of an acquire. */
export function acquireEntry({ at, epoch, resumed, nodeId, superseded, ended }: AcquireFacts): string {
  const letter = Object.entries(ENDED_BEFORE).find(([, reason]) => reason === ended)?.[0] ?? "-";
  const whose = superseded === undefined ? "" : journalNode(superseded);
  return `${resumed ? "r" : "b"}${momentText(at)}/${epoch}/${letter}/${journalNode(nodeId)}/${whose};`;
}

/**
 * The entry of a commit: of one that lets the session go, ends it, or changes it without owning it; `""` for any other, and
 * for one that {@linkcode endsQuietly}.
 *
 * @param head The head before the commit.
 * @param epoch The epoch before the commit.
 */
export function commitEntry(
  head: SessionHead,
  epoch: number,
  { changes, raiseEpoch, now }: Pick<CommitBatch, "changes" | "raiseEpoch" | "now">,
): string {
  const isForeign = raiseEpoch !== undefined;
  let left: number | undefined;
  for (const change of changes) {
    if (change.type === "endSession") {
      if (change.reason === "disconnected") return "";
      return `e${momentText(now)}/${epoch + Number(isForeign)}/${END_REASONS.indexOf(change.reason)};`;
    }
    if (change.type === "putHead") left = change.head.attached ? undefined : change.head.disconnectReason ?? 0;
  }
  const place = `${momentText(now)}/${epoch + Number(isForeign)}`;
  if (head.attached && left !== undefined) return `d${place}/${left}${isForeign ? "/o" : ""};`;
  return isForeign ? `c${place};` : "";
}

/** Reads a journal, oldest entry first. What a later release wrote is passed over. */
export function readJournal(journal: string): JournalEntry[] {
  return journal.split(";").flatMap((text): JournalEntry[] => {
    const [first = "", epochText = "", ...rest] = text.split("/");
    const at = Number.parseInt(first.slice(1), 36);
    const epoch = Number(epochText);
    if (!Number.isSafeInteger(at) || epochText === "" || !Number.isSafeInteger(epoch)) return [];
    switch (first[0]) {
      case "b":
      case "r": {
        const [letter = "-", nodeId = "", superseded = "", told] = rest;
        const ended = ENDED_BEFORE[letter as keyof typeof ENDED_BEFORE]; // Absent for any other letter.
        return [{
          type: first[0] === "r" ? "resumed" : "began",
          at,
          epoch,
          nodeId,
          ...(superseded === "" ? {} : { superseded }),
          ...(ended === undefined ? {} : { ended }),
          ...readDropped(told),
        }];
      }
      case "d":
        return [{ type: "detached", at, epoch, reasonCode: Number(rest[0]) || 0, byOther: rest[1] === "o" }];
      case "e": {
        const reason = END_REASONS[Number(rest[0])];
        return reason === undefined ? [] : [{ type: "ended", at, epoch, reason, ...readDropped(rest[1]) }];
      }
      case "c":
        return [{ type: "changed", at, epoch }];
      default:
        return [];
    }
  });
}

/** A node's name as entries hold it: escaped, so that no entry ends in it, and cut. */
export function journalNode(nodeId: string): string {
  return escapePart(nodeId).slice(0, JOURNAL_NODE);
}

/** A moment as entries hold it. */
export function momentText(at: number): string {
  return Math.max(0, Math.floor(at)).toString(36);
}
