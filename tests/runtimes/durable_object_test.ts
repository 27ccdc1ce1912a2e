import assert from "node:assert/strict";
import type { ExploreReport } from "../../src/testing/mod.ts";
import { printedSeed, randomNumbers } from "../e2e/support/random.ts";
import { bundleWorker, dataFolder, Workerd } from "../support/workerd.ts";
import type { Verdict } from "./support/durable_object_program.ts";

const PROGRAM = "tests/runtimes/support/durable_object_program.ts";

/** What an object answers. */
async function ask<Answer>(workerd: Workerd, path: string): Promise<Answer> {
  const response = await fetch(`${workerd.url}/${path}`);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

Deno.test("workerd keeps every promise of a store in a Durable Object, in every order of the calls of two who meet", async () => {
  const data = await dataFolder({ isOnDisk: false });
  try {
    await using workerd = await Workerd.start(await bundleWorker(PROGRAM, "Subject"), { data });
    const { count, failures } = await ask<Verdict>(workerd, "conformance?object=conformance");
    assert.deepEqual(failures, []);
    assert.ok(count > 200, `${count} cases`);
    for (let seed = 1; seed <= 2; seed++) await ask(workerd, `compare?object=compare-${seed}&seed=${seed}`);
    // All worlds are explored elsewhere, where a call takes a tenth of the time.
    const report = await ask<ExploreReport>(workerd, "explore?object=explore&scenario=claims&scenario=own+log");
    assert.ok(report.complete);
    assert.ok(report.states >= 1_500, JSON.stringify(report));
    assert.deepEqual(await ask(workerd, "limits?object=limits"), [true, false, true, false]);
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});

/** So many commits are on their way at the same time when workerd is killed. */
const AT_ONCE = 8;

const SURVIVES = "workerd that is killed in the middle of commits has kept each that was answered, and none by half";

Deno.test(SURVIVES, async () => {
  const random = randomNumbers(printedSeed(SURVIVES));
  const script = await bundleWorker(PROGRAM, "Subject");
  const data = await dataFolder({ isOnDisk: true });
  try {
    let number = 0;
    const answered: number[] = [];
    for (let run = 0; run < 5; run++) {
      await using workerd = await Workerd.start(script, { data });
      const keys = await ask<readonly string[]>(workerd, "keys");
      const [one, other] = ["one/", "other/"].map((start) =>
        keys.filter((key) => key.startsWith(start)).map((key) => Number(key.slice(start.length)))
      );
      assert.deepEqual(one, other, "a commit by half");
      assert.deepEqual(answered.filter((each) => !one?.includes(each)), [], "answered, and lost");
      let isKilled = false;
      let left = 20 + Math.floor(random() * 60);
      const write = async (): Promise<void> => {
        while (!isKilled) {
          const mine = ++number;
          const response = await fetch(`${workerd.url}/commit?number=${mine}`).catch(() => undefined);
          if ((await response?.text().catch(() => ""))?.includes("version")) answered.push(mine);
          if (--left > 0 || isKilled) continue;
          isKilled = true;
          await workerd.kill();
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, write));
    }
    assert.ok(answered.length > 5 * 20, `${answered.length} answers`);
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});
