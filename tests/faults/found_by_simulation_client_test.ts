/** What simulated worlds have found in clients that keep their session, as plain as it can be said. */
import assert from "node:assert/strict";
import { memoryStore } from "../../src/stores/memory.ts";
import { mapDriver } from "../../src/testing/mod.ts";
import { storeOn } from "../unit/store/key_value/kit.ts";
import { openBroker, openPage } from "../unit/runtime/client/support.ts";

for (const [name, storeOf] of Object.entries({ memory: () => memoryStore(), "a map": () => storeOn(mapDriver()) })) {
  Deno.test(`what is published without a connection was not sent, although the page before died with its connection (${name})`, async () => {
    const store = storeOf();
    const old = openBroker();
    const first = openPage(store);
    const link = first.connect(old);
    await first.client.publish({ topic: "t", payload: "m1", qos: 1 }).done;
    link.cut();
    // It is gone without a word, with its stored limit ahead of the log.
    const crashed = openPage(store);
    crashed.connect(old);
    await crashed.client.publish({ topic: "t", payload: "m2", qos: 1 }).done;
    const offline = openPage(store);
    await offline.client.publish({ topic: "t", payload: "m3", qos: 1 }).stored;
    const last = openPage(store);
    const anew = openBroker();
    // This server has no session: what was started is lost, what never was is not.
    const connected = last.connect(anew);
    assert.equal((await last.client.publish({ topic: "t", payload: "m4", qos: 1 }).done).outcome, "acknowledged");
    const sent = connected.up.flatMap((packet) => packet.type === "publish" ? [packet] : []);
    assert.deepEqual(sent.map(({ payload, dup }) => [new TextDecoder().decode(payload), dup]), [
      ["m3", false],
      ["m4", false],
    ]);
    assert.ok(last.news.every(({ type }) => type !== "messageLost"));
    await last.client[Symbol.asyncDispose]();
    await old.shutdown();
    await anew.shutdown();
  });
}
