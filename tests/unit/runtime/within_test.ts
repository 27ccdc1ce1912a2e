import assert from "node:assert/strict";
import { SessionError } from "../../../src/errors.ts";
import { persistently } from "../../../src/runtime/within.ts";
import { fakeClock } from "../../../src/testing/mod.ts";
import { rest, START } from "./support.ts";

Deno.test("a call is repeated after pauses that double up to 16 times the first, until its time is up", async () => {
  const clock = fakeClock(START);
  const attempts: number[] = [];
  const environment = { now: clock.now, monotonic: clock.monotonic, wake: clock.wake, randomId: () => "id" };
  const told: string[] = [];
  const call = persistently(
    {
      environment,
      commit: { timeoutMs: 1_000, repeatForMs: 10_000, repeatAfterMs: 100 },
      observe: ({ type }) => told.push(type),
    },
    "look",
    () => {
      attempts.push(clock.now() - START);
      return Promise.reject(new SessionError("STORE_UNAVAILABLE", "away"));
    },
  );
  const outcome = assert.rejects(call, { code: "STORE_UNAVAILABLE" });
  for (let turn = 0; turn < 20; turn++) {
    await rest();
    if (clock.nextAt() !== undefined) clock.advanceToNext();
  }
  await outcome;
  assert.deepEqual(attempts, [0, 100, 300, 700, 1_500, 3_100, 4_700, 6_300, 7_900, 9_500, 11_100]);
  assert.deepEqual(told, ["workFailed"]);
});
