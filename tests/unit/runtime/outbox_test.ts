import assert from "node:assert/strict";
import type { CommitResult, SessionStore } from "../../../mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { rest, subscribePacket, texts, will, world } from "./support.ts";

/** A store that remembers what became of each step of an outbox. */
function watched(inner: SessionStore, steps: CommitResult["outcome"][]): SessionStore {
  return {
    ...inner,
    commit: async (batches, options) => {
      const results = await inner.commit(batches, options);
      for (const [index, { outbox }] of batches.entries()) {
        const outcome = results[index]?.outcome;
        if (outbox !== undefined && outcome !== undefined) steps.push(outcome);
      }
      return results;
    },
  };
}

Deno.test("a Will for many is routed once and served slice by slice: no step meets another of its own", async () => {
  const steps: CommitResult["outcome"][] = [];
  const { connect, broker } = world({}, watched(memoryStore({ maxReceiversPerCommit: 2 }), steps));
  const subscribers = [];
  for (let index = 0; index < 5; index++) {
    const subscriber = await connect(`sub-${index}`);
    await subscriber.send(subscribePacket(1, "t"));
    subscribers.push(subscriber);
  }
  const lost = await connect("lost", { will: will("t") });
  lost.connection.closed("error");
  await rest();
  await broker.settled();
  for (const subscriber of subscribers) assert.deepEqual(texts(subscriber), ["\u0001"]);
  assert.deepEqual(steps, ["committed", "committed", "committed"]);
});
