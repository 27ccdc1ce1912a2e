import assert from "node:assert/strict";
import type { RetainedStore } from "../../../mod.ts";
import { keyValueRetained } from "../../../src/store/key_value/mod.ts";
import { mapDriver, observedStore } from "../../../src/testing/mod.ts";
import { publishPacket, rest, START, subscribePacket, world } from "./support.ts";

const MANY = 100_000;
const PAYLOAD = new TextEncoder().encode("payload");

/** A store in which very many topics have a message. */
async function crowded(many: number): Promise<RetainedStore> {
  const retained = keyValueRetained(mapDriver(), { durability: "process" });
  const limits = { maximumMessages: Infinity, maximumBytes: Infinity };
  for (let number = 1, from = 0; from < many; number++, from += 1_000) {
    const puts = Array.from({ length: 1_000 }, (_, index) => ({
      message: {
        topic: `site/${String(from + index).padStart(6, "0")}/state`,
        payload: PAYLOAD,
        qos: 1,
        retain: true,
        properties: {},
        publisher: "p",
        publishedAt: START,
      } as const,
    }));
    await retained.put(puts, { limits, now: START, order: { writer: "w", number } });
  }
  return retained;
}

Deno.test("a # over 100 000 retained messages holds no more than a page, and keeps nobody waiting", async () => {
  let largest = 0;
  let pages = 0;
  const retained = await crowded(MANY);
  const observed: RetainedStore = {
    ...observedStore(retained, () => {}),
    capabilities: retained.capabilities,
    match: async (queries, options) => {
      const found = await retained.match(queries, options);
      for (const { entries } of found) largest = Math.max(largest, entries.length);
      pages += found.length;
      return found;
    },
  };
  const { connect, broker, of } = world({ retained: observed });
  const other = await connect("other");
  const s = await connect("s");
  s.connection.receive([subscribePacket(1, "#")]);
  let mostQueued = 0;
  let got = 0;
  for (let round = 0, seen = 0; got < MANY; round++) {
    assert.ok(round < MANY, `after ${got} messages nothing more came`);
    await rest();
    const packets = s.got.slice(seen);
    seen = s.got.length;
    // While one client reads everything, the packets of another are answered at once.
    if (round % 50 === 0) {
      const before = other.got.length;
      await other.send(publishPacket("live/topic", 1, round % 60_000 + 1, "live"));
      assert.equal(other.got.length, before + 1);
      mostQueued = Math.max(mostQueued, (await broker.inspect("s"))?.queuedMessages ?? 0);
    }
    s.connection.receive(packets.flatMap((packet) => {
      if (packet.type !== "publish") return [];
      if (packet.retain) got++;
      return packet.packetId === undefined
        ? []
        : [{ type: "puback", packetId: packet.packetId, reasonCode: 0 } as const];
    }));
  }
  await rest();
  assert.equal(got, MANY);
  // A message each topic, and what the other published.
  const topics = new Set(s.got.flatMap((packet) => packet.type === "publish" && packet.retain ? [packet.topic] : []));
  assert.equal(topics.size, MANY);
  assert.ok(largest <= 128, `a page of ${largest}`);
  assert.ok(mostQueued <= 200, `${mostQueued} waited in the log`);
  assert.ok(pages >= MANY / 128, `${pages} pages`);
  assert.deepEqual(of("dropped"), []);
});

Deno.test("a client that reads nothing keeps one page of what is retained in its log", async () => {
  const retained = await crowded(5_000);
  let pages = 0;
  const { connect, broker, pass } = world({
    retained: {
      ...observedStore(retained, ({ name }) => pages += name === "match" ? 1 : 0),
      capabilities: retained.capabilities,
      match: (queries, options) => {
        pages++;
        return retained.match(queries, options);
      },
    },
  });
  const s = await connect("s", { receiveMaximum: 10 });
  await s.send(subscribePacket(1, "#"));
  await pass(20_000);
  assert.ok(pages <= 2, `${pages} pages were read`);
  assert.ok(((await broker.inspect("s"))?.queuedMessages ?? 0) <= 128);
});
