/**
 * What gives way to a copy in a log whose entries wait under terms of their own.
 *
 * @module
 */
import type { DropReason } from "../machine/change.ts";
import type { QoS } from "../mqtt/qos.ts";

import type { LoggedTerms, WaitingTerms } from "./waiting_terms.ts";
import type { QueueLimits } from "./session_store.ts";

/** An entry that waits: it was never started. */
export interface WaitingCopy {
  readonly bytes: number;
  readonly qos: QoS;
  readonly terms: LoggedTerms | undefined;
}

/** A copy that comes, with the bounds of its group. */
export interface ComingCopy extends WaitingCopy {
  readonly terms: WaitingTerms | undefined;
}

/** An entry that gives way, and why. */
export interface LeavingCopy<Entry> {
  readonly entry: Entry;
  readonly reason: Extract<DropReason, "replaced" | "filterFullOldest" | "queueFullOldest">;
}

/** What a log holds, started entries too. */
export interface LogSize {
  readonly messages: number;
  readonly bytes: number;
}

/** What gives way to a copy, or why there is no room for it. */
export type RoomInLog<Entry> =
  | { readonly fits: true; readonly leaving: readonly LeavingCopy<Entry>[] }
  | { readonly fits: false; readonly reason: Extract<DropReason, "filterFullNewest" | "queueFullNewest"> };

/**
 * Makes room for a copy: what it takes the place of leaves first, then what its group has too much of, then what the log
 * has. Where there is no room nothing leaves. `waiting` is in order of sequence.
 */
export function makeRoom<Entry extends WaitingCopy>(
  limits: QueueLimits,
  size: LogSize,
  waiting: readonly Entry[],
  copy: ComingCopy,
): RoomInLog<Entry> {
  const { slot, group } = copy.terms ?? {};
  const leaving: LeavingCopy<Entry>[] = [];
  const stays = (entry: Entry): boolean => !leaving.some((each) => each.entry === entry);
  if (slot !== undefined) {
    for (const entry of waiting) {
      if (entry.terms?.slot === slot && mayDisplace(copy, entry)) leaving.push({ entry, reason: "replaced" });
    }
  }
  if (group !== undefined) {
    const members = waiting.filter((entry) => entry.terms?.group?.name === group.name && stays(entry));
    const victims = victimsOf(members, copy, {
      messages: members.length + 1 - group.maximumMessages,
      bytes: sum(members) + copy.bytes - group.maximumBytes,
    }, group.whenFull === "dropOldest");
    if (victims === undefined) return { fits: false, reason: "filterFullNewest" };
    for (const entry of victims) leaving.push({ entry, reason: "filterFullOldest" });
  }
  const gone = leaving.map(({ entry }) => entry);
  const victims = victimsOf(waiting.filter(stays), copy, {
    messages: size.messages - gone.length + 1 - limits.maximumMessages,
    bytes: size.bytes - sum(gone) + copy.bytes - limits.maximumBytes,
  }, limits.whenFull === "dropOldest");
  if (victims === undefined) return { fits: false, reason: "queueFullNewest" };
  for (const entry of victims) leaving.push({ entry, reason: "queueFullOldest" });
  return { fits: true, leaving };
}

/** Entries in the order in which they give way, until there are enough; `undefined` when there are not. */
function victimsOf<Entry extends WaitingCopy>(
  entries: readonly Entry[],
  copy: WaitingCopy,
  surplus: LogSize,
  givesWay: boolean,
): readonly Entry[] | undefined {
  let { messages, bytes } = surplus;
  if (messages <= 0 && bytes <= 0) return [];
  if (!givesWay) return undefined;
  const victims: Entry[] = [];
  // Sorting is stable: of the same rank the oldest comes first.
  const inOrder = entries.filter((entry) => mayDisplace(copy, entry)).sort((a, b) => orderOf(a) - orderOf(b));
  for (const entry of inOrder) {
    victims.push(entry);
    messages -= 1;
    bytes -= entry.bytes;
    if (messages <= 0 && bytes <= 0) return victims;
  }
  return undefined;
}

/** A copy displaces none of a higher priority, and at QoS 0 none that was promised. */
function mayDisplace(copy: WaitingCopy, entry: WaitingCopy): boolean {
  return priorityOf(entry) <= priorityOf(copy) && (copy.qos > 0 || entry.qos === 0);
}

/** Lower priorities first, and of each the copies at QoS 0. */
function orderOf(entry: WaitingCopy): number {
  return 2 * priorityOf(entry) + (entry.qos === 0 ? 0 : 1);
}

function priorityOf({ terms }: WaitingCopy): number {
  return terms?.priority ?? 0;
}

function sum(entries: readonly WaitingCopy[]): number {
  return entries.reduce((bytes, entry) => bytes + entry.bytes, 0);
}
