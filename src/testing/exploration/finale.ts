/** How every run ends: what is left must still be a session that works, or come to its end by time alone. */
import { START } from "../conformance/kit.ts";
import { JOURNAL_KEPT_MS } from "../../store/records/journal.ts";
import { workOnce } from "./deadline_work.ts";
import { CLIENT, Hand, nodeOf, receiverOf } from "./hand.ts";
import { ack, detach, owned, type Scenario } from "./scenario.ts";
import type { SessionStore } from "../../store/session_store.ts";

/** The ways in which a run ends: by time alone, or by a fresh owner and then by time. */
export const FINALES: readonly string[] = ["by time", "by a fresh owner"];

/** So often what is due is worked off at a time: more often than one thing leads to another. */
const ROUNDS = 12;

/** Later than all that any scenario leaves to be done. */
const LATE_MS = 3_600_000;

/** Plays a finale. Rejects when it does not come to its end. */
export async function playFinale(finale: string, scenario: Scenario, store: SessionStore): Promise<void> {
  const now = START + scenario.endsAt;
  if (finale === "by a fresh owner") await byFreshOwner(new Hand("fresh", store, now));
  await byTime(new Hand("last", store, now + LATE_MS));
}

async function byFreshOwner(hand: Hand): Promise<void> {
  await hand.store.renewNode(nodeOf(hand.name), hand.now + 1_000);
  const taken = owned(await hand.acquire());
  if (taken === undefined) throw new Error("a fresh owner was refused");
  const all = taken.queue.messages;
  let guard = await hand.change("ack", taken.guard, [...all.map(ack), {
    type: "putSentLimit",
    sentLimit: taken.queue.tail,
  }]);
  await workAll(hand);
  const { incarnation } = taken.guard;
  const published = await hand.publish("z", [receiverOf(CLIENT, incarnation)]);
  const [told] = published.outcome === "committed" ? published.deliveries.flat() : [];
  if (told?.outcome !== "appended") throw new Error(`what is published to a fresh owner is ${told?.outcome}`);
  guard = await hand.change("detach", guard, [detach(taken.snapshot.head, hand.now)]);
  if (guard === undefined) throw new Error("a fresh owner was superseded");
}

async function byTime(hand: Hand): Promise<void> {
  await workAll(hand);
  // What is remembered of an ended session goes a day later.
  await workAll(new Hand("last", hand.store, hand.now + JOURNAL_KEPT_MS));
  const next = await hand.store.nextDueAt();
  if (next !== undefined) throw new Error(`after all was worked off, something is due at ${next}`);
  const { sessions } = await hand.store.directory.list({ limit: 10 });
  const [left] = sessions;
  if (left !== undefined) throw new Error(`after all was worked off, the session ${left.clientId} is left`);
}

async function workAll(hand: Hand): Promise<void> {
  for (let round = 1; round <= ROUNDS; round++) {
    if (await workOnce(hand, round) === 0) return;
  }
  throw new Error(`what is due is still due after ${ROUNDS} rounds`);
}
