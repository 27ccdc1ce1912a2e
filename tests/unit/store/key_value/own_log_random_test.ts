/** Random lives of a log that its owner appends to by what it remembers, beside the memory store, which remembers nothing. */
import assert from "node:assert/strict";
import type { SessionChange } from "../../../../src/machine/change.ts";
import { messageBytes } from "../../../../src/mqtt/message.ts";
import type { CommitBatch, CommitResult, Guard, SessionStore } from "../../../../src/store/session_store.ts";
import { DENO_KV_LIMITS } from "../../../../src/stores/deno_kv.ts";
import { memoryStore } from "../../../../src/stores/memory.ts";
import { mapDriver, type Random, random } from "../../../../src/testing/mod.ts";
import { faultyDriver } from "./faulty_driver.ts";
import { acquired, batch, message, request, storeOn, to } from "./kit.ts";

const BYTES = messageBytes(message());
const STEPS = 60;

/** One of the two stores, as the owner and as somebody else has it open. */
interface Side {
  readonly own: SessionStore;
  readonly other: SessionStore;
  guard: Guard;
}

/** What a step does, the same on both sides. */
type Act = (side: Side) => Promise<unknown>;

function draw(chance: Random, step: number, stored: number): Act {
  const limits: CommitBatch["limits"] = {
    maximumMessages: chance.pick([2, 4, 1_000]),
    maximumBytes: chance.pick([BYTES * 3, 1e9]),
    whenFull: chance.pick(["dropOldest", "dropNewest", "reject"]),
  };
  const count = 1 + chance.below(3);
  const deliver = ({ guard }: Side): CommitBatch["deliveries"] =>
    Array.from({ length: count }, () => ({ message: message(), receivers: [to({ snapshot: guard })] }));
  const removed = Array.from({ length: 1 + chance.below(3) }, () => 1 + chance.below(stored + 2));
  const gone = [...new Set(removed)].map((sequence): SessionChange => ({
    type: "deleteQueued",
    sequence,
    bytes: BYTES,
  }));
  const sentLimit = chance.below(stored + 4);
  const own = async (side: Side, parts: Partial<CommitBatch>): Promise<unknown> => {
    const [result] = await side.own.commit([batch(`own ${step}`, { guard: side.guard, limits, ...parts })]);
    if (result?.outcome === "committed" && result.guard !== undefined) side.guard = result.guard;
    return plain(result);
  };
  const acts: readonly (readonly [number, Act])[] = [
    [8, (side) => own(side, { deliveries: deliver(side) })],
    [8, (side) => own(side, { changes: gone })],
    [3, (side) => own(side, { changes: gone, deliveries: deliver(side) })],
    [2, (side) => own(side, { changes: [{ type: "putSentLimit", sentLimit }] })],
    [1, (side) => own(side, { behindOutbox: true, deliveries: deliver(side) })],
    [
      3,
      async (side) =>
        plain((await side.other.commit([batch(`other ${step}`, { limits, deliveries: deliver(side) })]))[0]),
    ],
    [2, async (side) => {
      const both = [
        batch(`own ${step}`, { guard: side.guard, limits, changes: gone, deliveries: deliver(side) }),
        batch(`with ${step}`, { limits, deliveries: deliver(side) }),
      ];
      const results = await side.own.commit(both);
      if (results[0]?.outcome === "committed") side.guard = results[0].guard ?? side.guard;
      return results.map(plain);
    }],
    [1, async (side) => {
      const wanted = request("c", `t${step}`);
      const late = batch(`late ${step}`, { guard: side.guard, limits, deliveries: deliver(side) });
      const taken = await acquired(side.own, { ...wanted, terms: { ...wanted.terms, sendAhead: step % 4 } });
      const answer = [taken.snapshot, taken.queue, (await side.own.commit([late])).map(plain)];
      side.guard = taken.guard;
      return answer;
    }],
  ];
  let at = chance.below(acts.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, act] of acts) if ((at -= weight) < 0) return act;
  throw new Error("Cannot draw: nothing is left");
}

function plain(result: CommitResult | undefined): unknown {
  return result?.outcome === "committed" ? { outcome: result.outcome, deliveries: result.deliveries } : result;
}

async function seen({ other, guard }: Side): Promise<unknown> {
  const page = await other.readQueue({ ...guard }, { after: 0, messages: 1_000, bytes: 1e9 });
  const summary = await other.directory.inspect("c");
  return [page, summary?.queuedMessages, summary?.queuedBytes, summary?.dropped, (await other.read("c"))?.snapshot];
}

async function side(own: SessionStore, other: SessionStore): Promise<Side> {
  const wanted = request("c", "1");
  const { guard } = await acquired(own, { ...wanted, terms: { ...wanted.terms, sendAhead: 0 } });
  return { own, other, guard };
}

Deno.test("on random histories of its own log, whoever else is faster now and then, it answers and holds what the memory store does", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const chance = random(seed);
    const faults = random(seed + 1_000);
    const map = mapDriver({ limits: DENO_KV_LIMITS });
    const faulty = faultyDriver(map);
    faulty.decide = () => faults.chance(0.1) ? "conflicts" : "goes";
    const memory = memoryStore();
    const expected = await side(memory, memory);
    const found = await side(storeOn(faulty.driver), storeOn(map));
    for (let step = 0; step < STEPS; step++) {
      const tail = (await memory.readQueue({ ...expected.guard }, { after: 0, messages: 1, bytes: 1 })).tail;
      const act = draw(chance, step, tail);
      const where = `seed ${seed}, step ${step}`;
      assert.deepEqual(await act(found), await act(expected), where);
      assert.deepEqual(await seen(found), await seen(expected), where);
    }
  }
});
