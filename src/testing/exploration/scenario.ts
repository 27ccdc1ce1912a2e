/** A small world: what is stored at its beginning, and who acts in it. */
import type { SessionChange } from "../../machine/change.ts";
import { detachedHead } from "../../machine/rules/lifecycle.ts";
import { messageBytes, type QueuedMessage } from "../../mqtt/message.ts";
import type { Acquired, AcquireRefusal, Guard } from "../../store/session_store.ts";
import { LEASE_END, PLAIN, START } from "../conformance/kit.ts";
import { type AcquireChoice, type Hand, nodeOf, TOPIC, untilKnown } from "./hand.ts";

/** What the scripts find: the guard of the session that the beginning made, for whoever owned it. */
export interface Beginning {
  readonly guard: Guard;
}

/** One who acts. */
export interface Part {
  /** Its clock, from the beginning on, in milliseconds. Default: 0. */
  readonly at?: number;
  /** What it does. */
  readonly act: (hand: Hand, beginning: Beginning) => Promise<void>;
}

/** A small world. */
export interface Scenario {
  /** What it is called in reports and options. */
  readonly name: string;
  /** Makes the beginning, one call after the other, by the hands of those who act later. */
  readonly begin: (hands: Hands) => Promise<Beginning>;
  /** Who acts, by name. */
  readonly parts: Readonly<Record<string, Part>>;
  /** When it is worked off to its end, from the beginning on, in milliseconds. */
  readonly endsAt: number;
}

/** Gives the hand of a name. */
export type Hands = (name: string) => Hand;

/** When a part acts. */
export function timeOf({ at = 0 }: Pick<Part, "at">): number {
  return START + at;
}

/** The names of owners: their nodes live through the beginning, and longer. */
export const OWNERS: readonly string[] = ["first", "second"];

/** Says that the nodes of the owners live. */
export async function renewOwners(hands: Hands): Promise<void> {
  for (const name of OWNERS) await hands(name).store.renewNode(nodeOf(name), LEASE_END);
}

/** Acquires, and fails if that is refused. */
export async function acquired(hand: Hand, choice: AcquireChoice = {}): Promise<Acquired> {
  return owned(await hand.acquire(choice)) ?? Promise.reject(new Error("Cannot begin: the acquire was refused"));
}

/** The answer, if it is one. */
export function owned(answer: Acquired | AcquireRefusal): Acquired | undefined {
  return answer.outcome === "acquired" ? answer : undefined;
}

/** Subscribes to the topic. */
export async function subscribe(hand: Hand, guard: Guard | undefined): Promise<Guard | undefined> {
  await untilKnown(() => hand.store.admitFilters([TOPIC]));
  return await hand.change("subscribe", guard, [{ type: "putSubscription", filter: TOPIC, subscription: PLAIN }]);
}

/** A session of a guard that must be there. */
export function certain(guard: Guard | undefined): Guard {
  if (guard === undefined) throw new Error("Cannot begin: the session is another's");
  return guard;
}

/** Acknowledges an entry. */
export function ack(entry: QueuedMessage): SessionChange {
  return { type: "deleteQueued", sequence: entry.sequence, bytes: messageBytes(entry) };
}

/** The connection ends. */
export function detach(head: Acquired["snapshot"]["head"], at: number): SessionChange {
  return { type: "putHead", head: detachedHead(head, at, 0) };
}
