import assert from "node:assert/strict";
import { fakeClock } from "../../../src/testing/mod.ts";

Deno.test("the fake clock wakes in order of time, each at its own time, timers set meanwhile included", () => {
  const clock = fakeClock(100);
  const woken: [string, number][] = [];
  const note = (name: string) => () => woken.push([name, clock.now()]);
  clock.wake(300, note("late"));
  clock.wake(150, () => {
    note("early")();
    clock.wake(200, note("between"));
    clock.wake(120, note("already due"));
  });
  clock.wake(150, note("early too"));
  clock.advance(250);
  assert.deepEqual(woken, [["early", 150], ["already due", 150], ["early too", 150], ["between", 200], ["late", 300]]);
  assert.equal(clock.now(), 350);
  assert.equal(clock.monotonic(), 250);
});

Deno.test("the fake clock does not wake who cancelled, and tells when the next timer is due", () => {
  const clock = fakeClock();
  const cancel = clock.wake(10, () => assert.fail("it was cancelled"));
  clock.wake(20, () => {});
  assert.equal(clock.nextAt(), 10);
  cancel();
  assert.equal(clock.nextAt(), 20);
  assert.equal(clock.timers(), 1);
  assert.equal(clock.advanceToNext(), true);
  assert.equal(clock.now(), 20);
  assert.equal(clock.advanceToNext(), false);
});

Deno.test("setting the time of day leaves the monotonic clock alone and wakes who is due", () => {
  const clock = fakeClock(1_000);
  let woken = 0;
  clock.wake(5_000, () => woken++);
  clock.setNow(500);
  assert.equal(clock.now(), 500);
  clock.setNow(9_000);
  assert.equal(woken, 1);
  assert.equal(clock.monotonic(), 0);
  assert.throws(() => clock.advance(-1), RangeError);
});
