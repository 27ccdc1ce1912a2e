/** The small worlds, each about one client's session. */
import type { DeliveryReceiver, Guard } from "../../store/session_store.ts";
import { START, will } from "../conformance/kit.ts";
import { workOff, workOnce } from "./deadline_work.ts";
import { CLIENT, type Hand, head, nodeOf, OTHER, receiverOf, TWO, untilKnown } from "./hand.ts";
import {
  ack,
  acquired,
  type Beginning,
  certain,
  detach,
  owned,
  renewOwners,
  type Scenario,
  subscribe,
} from "./scenario.ts";

/** The session that the beginning made, as a receiver. */
function own({ guard }: Beginning, qos: 0 | 1 = 1): DeliveryReceiver {
  return receiverOf(CLIENT, guard.incarnation, qos);
}

/** What stands at a place of the log at the beginning: a topic of one byte and a payload of one. */
function first(sequence: number): { readonly type: "deleteQueued"; readonly sequence: number; readonly bytes: number } {
  return { type: "deleteQueued", sequence, bytes: 2 };
}

/** An owner that acknowledges, and another that takes the session from it; the queue is full, the Will is released. */
const takeover: Scenario = {
  name: "takeover",
  endsAt: 1_000,
  begin: async (hands) => {
    await renewOwners(hands);
    const terms = { head: head({ onTakeover: "release", willAfterMs: 0 }), will: will({ topic: "t" }) };
    const { guard } = await acquired(hands("first"), { terms });
    for (const text of ["a", "b"]) await hands("publisher").publish(text, [own({ guard })]);
    return { guard: certain(await subscribe(hands("first"), guard)) };
  },
  parts: {
    first: {
      act: async (hand, { guard }) => {
        const next = await hand.change("ack", guard, [first(1), { type: "putSentLimit", sentLimit: 2 }]);
        const deliveries = [hand.delivery("o", [own({ guard })])];
        await hand.change("publish", next, [{ type: "putInboundId", packetId: 7 }], { deliveries, limits: TWO });
      },
    },
    second: {
      act: async (hand) => {
        const taken = owned(await hand.acquire());
        const started = taken?.queue.messages.filter(({ sequence }) => sequence <= taken.startedThrough) ?? [];
        const tail = taken?.queue.tail ?? 0;
        await hand.change("ack", taken?.guard, [...started.map(ack), { type: "putSentLimit", sentLimit: tail }]);
      },
    },
    publisher: {
      act: async (hand, beginning) => {
        await hand.publish("x", [own(beginning)], TWO);
        await hand.publish("y", [own(beginning)], TWO);
      },
    },
    worker: { act: async (hand) => void await workOnce(hand) },
  },
};

/** A session begins anew while its owner disconnects; what it owes is worked off, what it leaves is swept. */
const cleanStart: Scenario = {
  name: "clean start",
  endsAt: 1_000,
  begin: async (hands) => {
    await renewOwners(hands);
    const terms = { head: head({ willAfterMs: 0 }), will: will({ topic: "t" }) };
    const { guard } = await acquired(hands("first"), { terms });
    await hands("publisher").publish("a", [own({ guard })]);
    return { guard: certain(await subscribe(hands("first"), guard)) };
  },
  parts: {
    first: {
      act: async (hand, { guard }) => {
        const next = await hand.change("ack", guard, [first(1)]);
        await hand.change("disconnect", next, [{ type: "deleteWill" }, detach(head(), START)]);
      },
    },
    second: {
      act: async (hand) => {
        await subscribe(hand, owned(await hand.acquire({ terms: { cleanStart: true } }))?.guard);
      },
    },
    publisher: { act: async (hand) => void await hand.publish("x", await hand.subscribers()) },
    worker: {
      act: async (hand) => {
        for (const round of [1, 2]) await workOnce(hand, round);
      },
    },
  },
};

/** Two who ask again for what they have, and commit again what they committed. */
const repetition: Scenario = {
  name: "repetition",
  endsAt: 1_000,
  begin: async (hands) => {
    await renewOwners(hands);
    const { guard, snapshot } = await acquired(hands("first"));
    await hands("publisher").publish("a", [own({ guard })]);
    await hands("first").change("detach", guard, [detach(snapshot.head, START)]);
    return { guard };
  },
  parts: {
    first: {
      act: async (hand, beginning) => {
        await hand.acquire({ token: "token-again" });
        const guard = owned(await hand.acquire({ token: "token-again" }))?.guard;
        const deliveries = [hand.delivery("o", [own(beginning)])];
        for (let time = 1; time <= 2 && guard !== undefined; time++) {
          await hand.change("batch", guard, [{ type: "putInboundId", packetId: 7 }], { deliveries });
        }
      },
    },
    second: {
      act: async (hand) => {
        for (let time = 1; time <= 2; time++) await hand.acquire({ terms: { cleanStart: true } });
      },
    },
    publisher: { act: async (hand, beginning) => void await hand.publish("x", [own(beginning)]) },
  },
};

/** A detached session whose Will and whose end fall due, while its client comes back in the last moment. */
const deadlines: Scenario = {
  name: "deadlines",
  endsAt: 61_000,
  begin: async (hands) => {
    await renewOwners(hands);
    const attached = head({ willAfterMs: 10_000 });
    const { guard } = await acquired(hands("first"), { terms: { head: attached, will: will({ topic: "t" }) } });
    await hands("publisher").publish("a", [own({ guard })]);
    const subscribed = await subscribe(hands("first"), guard);
    await hands("first").change("detach", subscribed, [detach({ ...attached, sentLimit: 1 }, START)]);
    return { guard };
  },
  parts: {
    worker: { at: 10_000, act: async (hand) => void await workOnce(hand) },
    second: {
      at: 59_999,
      act: async (hand) => {
        const taken = owned(await hand.acquire());
        await hand.change("ack", taken?.guard, taken?.queue.messages.map(ack) ?? []);
      },
    },
    publisher: { act: async (hand, beginning) => void await hand.publish("x", [own(beginning)]) },
    "late worker": {
      at: 60_000,
      act: async (hand) => {
        for (const round of [1, 2]) await workOnce(hand, round);
      },
    },
  },
};

/** A node that lapsed: two see it, its owner still commits, another takes the session. */
const lapse: Scenario = {
  name: "lapse",
  endsAt: 61_000,
  begin: async (hands) => {
    await renewOwners(hands);
    const terms = { head: head({ willAfterMs: 0 }), will: will({ topic: "t" }) };
    const { guard } = await acquired(hands("first"), { terms });
    await hands("publisher").publish("a", [own({ guard })]);
    const subscribed = certain(await subscribe(hands("first"), guard));
    await hands("first").store.renewNode(nodeOf("first"), START + 1_000);
    return { guard: subscribed };
  },
  parts: {
    first: { act: async (hand, { guard }) => void await hand.change("ack", guard, [first(1)]) },
    worker: {
      at: 2_000,
      act: async (hand) => void await workOnce(hand),
    },
    second: {
      at: 3_000,
      act: async (hand) => {
        const taken = owned(await hand.acquire({ whenOwned: "refuse" }));
        await hand.change("inbound", taken?.guard, [{ type: "putInboundId", packetId: 7 }]);
      },
    },
    publisher: {
      act: async (hand, beginning) => void await hand.publish("x", [{ ...own(beginning, 0), onlyIfOwned: true }]),
    },
    "other worker": { at: 2_000, act: async (hand) => void await workOnce(hand) },
  },
};

/** A message that nobody has routed yet, worked off by two, to two sessions, one of which begins anew. */
const outbox: Scenario = {
  name: "outbox",
  endsAt: 1_000,
  begin: async (hands) => {
    await renewOwners(hands);
    const { guard } = await acquired(hands("first"));
    const other = await acquired(hands("other"), { terms: { clientId: OTHER } });
    await subscribe(hands("other"), other.guard);
    await hands("publisher").publish("a", undefined);
    return { guard: certain(await subscribe(hands("first"), guard)) };
  },
  parts: {
    worker: { act: (hand) => workOff(hand, "publish-a-publisher", "step") },
    "other worker": { act: (hand) => workOff(hand, "publish-a-publisher", "step") },
    first: {
      act: async (hand, { guard }) => {
        const changes = [{ type: "putInboundId", packetId: 7 }] as const;
        const next = await hand.change("publish", guard, changes, { deliveries: [hand.delivery("o", undefined)] });
        const more = { deliveries: [hand.delivery("p", [own({ guard })])], behindOutbox: true };
        await hand.change("behind", next, [], more);
      },
    },
    second: { act: async (hand) => void await hand.acquire({ terms: { cleanStart: true } }) },
  },
};

/** An ended session that two sweep, while its client begins a new one and its last batch is repeated. */
const sweep: Scenario = {
  name: "sweep",
  endsAt: 1_000,
  begin: async (hands) => {
    await renewOwners(hands);
    const { guard } = await acquired(hands("first"));
    await hands("publisher").publish("a", [own({ guard })]);
    const subscribed = certain(await subscribe(hands("first"), guard));
    await hands("first").change("end", subscribed, [{ type: "endSession", reason: "disconnected" }]);
    return { guard: subscribed };
  },
  parts: {
    worker: { act: async (hand) => void await workOnce(hand) },
    "other worker": { act: async (hand) => void await workOnce(hand) },
    second: { act: async (hand) => void await subscribe(hand, owned(await hand.acquire())?.guard) },
    publisher: { act: async (hand) => void await hand.publish("x", await hand.subscribers()) },
    first: {
      act: async (hand, { guard }) =>
        void await hand.change("end", guard, [{ type: "endSession", reason: "disconnected" }]),
    },
  },
};

/** Publishers at a full queue, while its owner says what it has started. */
const fullQueue: Scenario = {
  name: "full queue",
  endsAt: 1_000,
  begin: async (hands) => {
    await renewOwners(hands);
    const { guard } = await acquired(hands("first"), { terms: { sendAhead: 0 } });
    await hands("publisher").publish("a", [own({ guard }, 0)]);
    await hands("publisher").publish("b", [own({ guard })]);
    return { guard };
  },
  parts: {
    first: {
      act: async (hand, { guard }) => {
        const next = await hand.change("start", guard, [{ type: "putSentLimit", sentLimit: 2 }]);
        await hand.change("ack", next, [first(1), { type: "putSentLimit", sentLimit: 3 }]);
      },
    },
    publisher: {
      act: async (hand, beginning) => {
        await hand.publish("x", [own(beginning)], TWO);
        await hand.publish("y", [own(beginning)], { ...TWO, whenFull: "reject" });
      },
    },
    "other publisher": {
      act: async (hand, beginning) => {
        await hand.publish("v", [own(beginning, 0)], TWO);
        await hand.publish("w", [own(beginning)], TWO);
      },
    },
    second: { act: async (hand) => void await hand.acquire({ terms: { sendAhead: 0 } }) },
  },
};

/**
 * A client that keeps its own session: it appends to its own log and removes what it appended, by what it remembers, while
 * another appends and makes room, and another page takes the session.
 */
const ownLog: Scenario = {
  name: "own log",
  endsAt: 1_000,
  begin: async (hands) => {
    await renewOwners(hands);
    const { guard } = await acquired(hands("first"), { terms: { sendAhead: 0 } });
    const deliveries = [hands("first").delivery("a", [own({ guard })])];
    return { guard: certain(await hands("first").change("put-a", guard, [], { deliveries })) };
  },
  parts: {
    first: {
      act: async (hand, beginning) => {
        const deliveries = [hand.delivery("b", [own(beginning)])];
        const put = await hand.change("put-b", beginning.guard, [], { deliveries, limits: TWO });
        await hand.change("ack", put, [first(1), first(2)]);
      },
    },
    second: {
      act: async (hand) => {
        const taken = owned(await hand.acquire({ terms: { sendAhead: 0 } }));
        const deliveries = [hand.delivery("c", taken === undefined ? [] : [own(taken)])];
        await hand.change("put", taken?.guard, taken?.queue.messages.slice(0, 1).map(ack) ?? [], { deliveries });
      },
    },
    publisher: { act: async (hand, beginning) => void await hand.publish("x", [own(beginning)], TWO) },
  },
};

/** Two who claim the same message for a session that disconnects, gives it back, and is acquired anew. */
const claims: Scenario = {
  name: "claims",
  endsAt: 1_000,
  begin: async (hands) => {
    await renewOwners(hands);
    const { guard } = await acquired(hands("first"), { terms: { sendAhead: 0 } });
    await acquired(hands("other"), { terms: { clientId: OTHER, head: head({ borrows: true }) } });
    for (const text of ["a", "b"]) await hands("publisher").publish(text, [own({ guard })]);
    return { guard };
  },
  parts: {
    first: { act: async (hand, { guard }) => void await claimFirst(hand, guard) },
    second: {
      act: async (hand) => {
        const guard = (await untilKnown(() => hand.store.read(CLIENT)))?.guard;
        if (guard !== undefined) await claimFirst(hand, guard);
      },
    },
    other: {
      act: async (hand) => {
        const stored = await untilKnown(() => hand.store.read(OTHER));
        const left = await hand.change("detach", stored?.guard, [detach(head(), START)]);
        if (left === undefined || stored === undefined) return;
        const page = { after: 0, messages: 9, bytes: 9_999 };
        const { messages } = await untilKnown(() => hand.store.readQueue(left, page));
        const deliveries = messages.map(({ claimed, sequence: _, subscriptionIdentifiers: _ids, ...message }) => ({
          message,
          receivers: [receiverOf(CLIENT, claimed?.incarnation ?? "")],
        }));
        await hand.change("give-back", left, messages.map(ack), { deliveries });
      },
    },
    publisher: { act: async (hand, beginning) => void await hand.publish("x", [own(beginning)], TWO) },
  },
};

/** Moves the first message of the group into the log of the other client, as long as that is owned by who had it. */
async function claimFirst(hand: Hand, guard: Guard): Promise<void> {
  const { clientId, incarnation } = guard;
  const found = await untilKnown(() => hand.store.readQueue(guard, { after: 0, messages: 1, bytes: 9_999 }));
  const member = await untilKnown(() => hand.store.read(OTHER));
  const [entry] = found.messages;
  if (entry === undefined || member === undefined) return;
  const { sequence: _, subscriptionIdentifiers: _ids, claimed: _from, ...message } = entry;
  const claimed = { clientId, incarnation, qos: entry.qos, retain: entry.retain };
  const to = { ...receiverOf(OTHER, member.guard.incarnation), ownedBy: "token-other", claimed };
  await hand.change("claim", guard, [ack(entry)], { isWhole: true, deliveries: [{ message, receivers: [to] }] });
}

/** All of them. */
export const SCENARIOS: readonly Scenario[] = [
  takeover,
  cleanStart,
  repetition,
  deadlines,
  lapse,
  outbox,
  sweep,
  fullQueue,
  ownLog,
  claims,
];
