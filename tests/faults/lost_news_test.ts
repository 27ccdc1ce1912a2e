import assert from "node:assert/strict";
import { memoryStore } from "../../src/stores/memory.ts";
import { publishPacket, subscribePacket } from "../unit/runtime/support.ts";
import { lostNews } from "./suites/lost_news.ts";
import { STORES } from "./support/stores.ts";
import { texts, world } from "./support/world.ts";

for (const kind of STORES) lostNews(kind);

for (let turns = 0; turns < 24; turns++) {
  Deno.test(`a message committed ${turns} turns after a session was acquired reaches it`, async () => {
    const here = world(memoryStore());
    const before = await here.connect("sub");
    await before.send(subscribePacket(1, "t"));
    await before.drop();
    const publisher = await here.connect("pub");
    here.faults.inject({ call: "acquire", fault: "answersLate" });
    here.faults.inject({ call: "commit", fault: "answersLate" });
    const subscriber = await here.connect("sub");
    await publisher.send(publishPacket("t", 1, 1, "one"));
    here.faults.release(1);
    for (let turn = 0; turn < turns; turn++) await undefined;
    here.faults.release(1);
    await here.rest();
    assert.deepEqual(texts(subscriber), ["one"]);
    await here.broker.shutdown();
  });
}
