/** Five thousand worlds, one seed each, with all that the oracle knows of MQTT; those of retained messages play apart. */
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { explain } from "./find.ts";
import { searchInParallel } from "./parallel.ts";
import { drawPlan } from "./plan/draw.ts";
import { AUTHENTICATION_FROM } from "./plan/authentication.ts";
import { GROUPS_FROM } from "./plan/groups.ts";
import { QUOTAS_FROM } from "./plan/quotas.ts";
import { planOf } from "./plan/worlds.ts";
import { play } from "./play.ts";

const FROM = 1;
const RUNS = 4_300;
const GROUP_RUNS = 500;

/** What has to happen in so many runs, or they would show little. */
const RARE = [
  "superseded",
  "takeover",
  "resumed",
  "crash",
  "leaseLost",
  "connects as the session ends",
  "published by a second device",
  "rude",
  "page",
  "page reload",
  "page dies",
  "page closes in order",
  "page offline",
  "published offline",
  "second tab",
  "tab taken over",
  "published by an older tab",
  "ended expired",
  "ended cleanStart",
  "ended takenOver",
  "ended administrative",
  "dropped expired",
  "dropped queueFullOldest",
  "dropped queueFullNewest",
  "dropped notConnected",
  "fault crashBefore",
  "fault crashAfter",
  "fault failsBefore",
  "fault failsAfter",
  "fault failsUnknown",
  "fault startsLate",
  "fault answersLate",
  "fault neverStarts",
  "fault replyLost",
  "refused for its quota of sessions",
  "refused for its quota of bytes",
  "began beside others under a quota",
  "proved who it is",
  "never proved who it is",
  "authenticated again",
] as const;

Deno.test(`no promise is broken in ${RUNS} simulated worlds from seed ${FROM} on`, async () => {
  const { found, counts } = await searchInParallel(FROM, RUNS, { workers: availableParallelism() });
  const [first] = found;
  if (first !== undefined) assert.fail(`${found.length} worlds break a promise\n${await explain(first.seed)}`);
  for (const what of RARE) assert.ok((counts.get(what) ?? 0) >= 20, `${what}: only ${counts.get(what)} times`);
});

/** The same of worlds of shared groups. */
const RARE_OF_GROUPS = [
  "crash",
  "takeover",
  "ended expired",
  "ended cleanStart",
  "ended administrative",
  "dropped groupEnded",
  "dropped queueFullOldest",
  "dropped expired",
  "shares with No Local",
  "copy of a group that may have gone on to another member",
  "fault crashBefore",
  "fault crashAfter",
  "fault failsUnknown",
  "fault startsLate",
  "fault answersLate",
  "fault replyLost",
] as const;

Deno.test(`no promise is broken in ${GROUP_RUNS} simulated worlds of shared groups from seed ${GROUPS_FROM} on`, async () => {
  const { found, counts } = await searchInParallel(GROUPS_FROM, GROUP_RUNS, { workers: availableParallelism() });
  const [first] = found;
  if (first !== undefined) assert.fail(`${found.length} worlds break a promise\n${await explain(first.seed)}`);
  for (const what of RARE_OF_GROUPS) {
    assert.ok((counts.get(what) ?? 0) >= 10, `${what}: only ${counts.get(what)} times`);
  }
  const copies = counts.get("copy from a group") ?? 0;
  assert.ok(copies >= 10 * GROUP_RUNS, `only ${copies} copies came from groups`);
});

Deno.test("a seed is played again exactly", async () => {
  for (
    const seed of [
      3,
      8,
      12,
      400,
      10_000_000,
      10_000_001,
      20_000_001,
      GROUPS_FROM,
      GROUPS_FROM + 1,
      QUOTAS_FROM,
      AUTHENTICATION_FROM,
    ]
  ) {
    const [one, two] = [await play(planOf(seed), { isTold: true }), await play(planOf(seed), { isTold: true })];
    assert.deepEqual(one.observations, two.observations, `seed ${seed}`);
    assert.ok(one.observations.length > 100, `seed ${seed}`);
  }
});

Deno.test("seeds differ", () => {
  assert.notDeepEqual({ ...drawPlan(1), seed: 0 }, { ...drawPlan(2), seed: 0 });
});
