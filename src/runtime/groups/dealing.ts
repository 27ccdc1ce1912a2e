/** Who of the members connected to a node gets which of the messages that wait for their group. */
import type { QueuedMessage } from "../../mqtt/message.ts";
import type { Place } from "./place.ts";
import type { Verdict } from "./verdicts.ts";

/** A message that was dealt to a member. */
export interface Dealt {
  readonly entry: QueuedMessage;
  readonly place: Place;
}

/** How messages were dealt. */
export interface Deal {
  readonly dealt: readonly Dealt[];
  /** What no member here may have. */
  readonly refused: readonly QueuedMessage[];
}

/** A member with room for so many messages of so many bytes. */
interface Roomy {
  readonly place: Place;
  room: number;
  bytes: number;
}

/** The places in turn, from a number of turns on. */
export function inTurn(places: Iterable<Place>, turns: number): Place[] {
  const all = [...places];
  const first = all.length === 0 ? 0 : turns % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

/** The members that can take something, in their order. */
export function roomy(
  places: readonly Place[],
  { pageMessages, pageBytes }: { readonly pageMessages: number; readonly pageBytes: number },
): Roomy[] {
  return places.flatMap((place) => {
    const { member } = place;
    if (!member.live) return [];
    const { claims } = member;
    const room = Math.min(member.claimRoom - claims.underWay, pageMessages - claims.size);
    return room > 0 && claims.bytes < pageBytes ? [{ place, room, bytes: pageBytes - claims.bytes }] : [];
  });
}

/**
 * Deals messages to members with room, one each, round after round. What one may not have the next in turn gets. A member
 * of whom it is not yet known whether it may have a message gets none behind that either, for now.
 */
export function deal(
  entries: readonly QueuedMessage[],
  able: readonly Roomy[],
  all: readonly Place[],
  verdictOf: (place: Place, entry: QueuedMessage) => Verdict,
): Deal {
  const dealt: Dealt[] = [];
  const refused: QueuedMessage[] = [];
  const waiting = new Set<Roomy>();
  let left = able;
  let turn = 0;
  for (const entry of entries) {
    if (left.length === 0) break;
    const found = takerOf(entry, left, turn, verdictOf);
    if (found === undefined) {
      // Those that have no room now may have it later.
      const able = all.filter(({ member }) => member.live);
      if (able.every((place) => verdictOf(place, entry) === "refused")) refused.push(entry);
      continue;
    }
    const { taker, index, verdict } = found;
    // What comes behind is asked about in the same go.
    if (verdict === "unknown") waiting.add(taker);
    if (!waiting.has(taker)) dealt.push({ entry, place: taker.place });
    taker.room -= 1;
    taker.bytes -= entry.payload.length;
    const isOut = taker.room === 0 || taker.bytes <= 0;
    if (isOut) left = left.filter((each) => each !== taker);
    turn = isOut ? index : index + 1;
    if (turn >= left.length) turn = 0;
  }
  return { dealt, refused };
}

/** The first in turn that is not refused a message. */
function takerOf(
  entry: QueuedMessage,
  able: readonly Roomy[],
  turn: number,
  verdictOf: (place: Place, entry: QueuedMessage) => Verdict,
): { readonly taker: Roomy; readonly index: number; readonly verdict: "allowed" | "unknown" } | undefined {
  for (let step = 0; step < able.length; step++) {
    const index = (turn + step) % able.length;
    // The index is below the length.
    const taker = able[index] as Roomy;
    const verdict = verdictOf(taker.place, entry);
    if (verdict !== "refused") return { taker, index, verdict };
  }
  return undefined;
}
