import assert from "node:assert/strict";
import { keyValueStore } from "../../src/store/key_value/mod.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { mapDriver } from "../../src/testing/mod.ts";
import { type GroupRun, type GroupRunOptions, playGroup } from "./support/group_world.ts";

const CAPABILITIES = { fencing: "strict", durability: "process", consistency: "strong", watch: "process" } as const;

/** What MQTT promises of a group, message by message. */
function judge({ published, receipts, mayHaveEnded, mayCountAsStarted, left }: GroupRun): void {
  assert.equal(left, 0, "messages are left in the group");
  for (const [name, qos] of published) {
    const all = receipts.get(name) ?? [];
    const sessions = new Set(all.map(({ clientId, session }) => `${clientId} ${session}`));
    if (qos === 2) {
      // One that counts as started stays with its session, whatever becomes of that.
      if (!mayCountAsStarted) assert.ok(all.length > 0, `${name} of QoS 2 was lost`);
      assert.ok(sessions.size <= 1, `${name} of QoS 2 came to ${[...sessions].join(", ")}`);
      continue;
    }
    assert.ok(all.some(({ acknowledged }) => acknowledged), `${name} was lost: ${JSON.stringify(all)}`);
    for (const [index, { clientId, session }] of all.entries()) {
      const next = all.slice(index + 1).find((each) => each.clientId !== clientId || each.session !== session);
      if (next === undefined) continue;
      assert.ok(
        mayHaveEnded(clientId, session, next.at),
        `${name} went from ${clientId} ${session} to ${next.clientId} ${next.session}, whose session lives`,
      );
    }
  }
}

async function search(
  name: string,
  open: () => ReturnType<typeof memoryStore>,
  runs: number,
  options: Omit<GroupRunOptions, "seed" | "steps">,
): Promise<void> {
  const from = Number(Deno.env.get("SEED") ?? 0) || Math.floor(Math.random() * 1e9);
  const last = Deno.env.get("SEED") === undefined ? from + runs : from + 1;
  for (let seed = from; seed < last; seed++) {
    try {
      judge(await playGroup(open(), { ...options, seed, steps: 120 }));
    } catch (error) {
      throw new Error(`${name}: SEED=${seed}`, { cause: error });
    }
  }
}

const RUNS = Number(Deno.env.get("RUNS") ?? 12);

Deno.test("a group on one node loses nothing, and hands nothing to two members that live", () =>
  search("one node", () => memoryStore(), RUNS, { nodes: 1, crashes: false, faults: false }));

Deno.test("a group on three nodes loses nothing while members move", () =>
  search("three nodes", () => memoryStore(), RUNS, { nodes: 3, crashes: false, faults: false }));

Deno.test("a group loses nothing when nodes crash", () =>
  search("crashes", () => memoryStore(), RUNS, { nodes: 2, crashes: true, faults: false }));

Deno.test("a group loses nothing when answers get lost and nodes crash, in a key-value store", () => {
  const open = () => keyValueStore(mapDriver(), { capabilities: CAPABILITIES });
  return search("faults", open, RUNS, { nodes: 2, crashes: true, faults: true });
});
