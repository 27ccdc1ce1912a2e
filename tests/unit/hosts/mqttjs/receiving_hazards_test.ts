/**
 * What a store of MQTT.js 5.16 has to know beyond the types, where it receives, each found by running it: the client is the
 * real one.
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { faultyStore } from "../../../../src/testing/faulty_store.ts";
import { openPage } from "./support/client_world.ts";
import { sent, STORES } from "./support/kit.ts";

for (const [name, makeStore] of Object.entries(STORES)) {
  Deno.test(`${name}: no PUBREC leaves for a message that cannot be stored: the connection is cut (hazard 4)`, async () => {
    const faulty = faultyStore(makeStore());
    await using page = await openPage(faulty.store, { commit: { repeatForMs: 1, repeatAfterMs: 1 } });
    const wire = await page.server.wire();
    await wire.accept(false);
    await page.connected;
    await page.session.flush();
    faulty.inject({ call: "commit", fault: "failsBefore", times: Infinity });
    wire.send({ cmd: "publish", topic: "in", payload: "x", qos: 2, messageId: 9, dup: false, retain: false });
    await wire.closed;
    assert.deepEqual(wire.log, ["connect"]);
    assert.ok(page.events.some(({ type }) => type === "cut"));
    faulty.heal();
    const second = await page.server.wire();
    await second.accept(true);
    second.send({ cmd: "publish", topic: "in", payload: "x", qos: 2, messageId: 9, dup: true, retain: false });
    assert.deepEqual(await sent(second, 1), ["pubrec 9"]);
    second.send({ cmd: "pubrel", messageId: 9 });
    assert.deepEqual(await sent(second, 1), ["pubcomp 9"]);
    assert.deepEqual(page.messages, ["in"]);
  });

  Deno.test(`${name}: no PUBCOMP leaves for a message that cannot be read: it is handed over later (hazard 4)`, async () => {
    const store = makeStore();
    {
      await using page = await openPage(store);
      const wire = await page.server.wire();
      await wire.accept(false);
      wire.send({ cmd: "publish", topic: "in", payload: "x", qos: 2, messageId: 9, dup: false, retain: false });
      assert.deepEqual(await sent(wire, 1), ["pubrec 9"]);
      page.crash();
    }
    const faulty = faultyStore(store);
    await using page = await openPage(faulty.store, { commit: { repeatForMs: 1, repeatAfterMs: 1 } });
    const wire = await page.server.wire();
    await wire.accept(true);
    faulty.inject({ call: "readQueue", fault: "failsBefore", times: Infinity });
    wire.send({ cmd: "pubrel", messageId: 9 });
    await wire.closed;
    assert.deepEqual(wire.log, ["connect"]);
    faulty.heal();
    const second = await page.server.wire();
    await second.accept(true);
    second.send({ cmd: "pubrel", messageId: 9 });
    assert.deepEqual(await sent(second, 1), ["pubcomp 9"]);
    assert.deepEqual(page.messages, ["in"]);
  });

  Deno.test(`${name}: PUBCOMP leaves only once the handled message is removed (hazard 4)`, async () => {
    const faulty = faultyStore(makeStore());
    await using page = await openPage(faulty.store);
    const wire = await page.server.wire();
    await wire.accept(false);
    wire.send({ cmd: "publish", topic: "in", payload: "x", qos: 2, messageId: 9, dup: false, retain: false });
    assert.deepEqual(await sent(wire, 1), ["pubrec 9"]);
    faulty.inject({ call: "commit", fault: "startsLate" });
    const handled = new Promise((resolve) => page.client.once("message", resolve));
    wire.send({ cmd: "pubrel", messageId: 9 });
    await handled;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(wire.waiting, 0);
    faulty.release();
    assert.deepEqual(await sent(wire, 1), ["pubcomp 9"]);
  });

  Deno.test(`${name}: a received message does not outlive the session of the server (hazard 9)`, async () => {
    const store = makeStore();
    {
      await using page = await openPage(store);
      const wire = await page.server.wire();
      await wire.accept(false);
      wire.send({ cmd: "publish", topic: "old", payload: "x", qos: 2, messageId: 9, dup: false, retain: false });
      await sent(wire, 1);
      page.crash();
    }
    await using page = await openPage(store);
    const wire = await page.server.wire();
    await wire.accept(false);
    wire.send({ cmd: "pubrel", messageId: 9 });
    assert.deepEqual(await sent(wire, 1), ["pubcomp 9"]);
    assert.deepEqual([page.messages, page.session.stored.incoming], [[], 0]);
    assert.deepEqual(page.events, [{ type: "discarded", outgoing: 0, incoming: 1 }]);
  });

  Deno.test(`${name}: a received message is handed over once, also after a reload, under a key of its own`, async () => {
    const store = makeStore();
    {
      await using page = await openPage(store);
      const wire = await page.server.wire();
      await wire.accept(false);
      wire.send({ cmd: "publish", topic: "in", payload: "text", qos: 2, messageId: 9, dup: false, retain: false });
      await sent(wire, 1);
      page.crash();
    }
    const keys: (string | undefined)[] = [];
    {
      await using page = await openPage(store);
      page.client.on("message", (_topic, payload, packet) => {
        assert.equal(payload.toString(), "text");
        keys.push(page.session.messageKey(packet));
        // The page ends while its handler runs.
        page.crash();
      });
      const wire = await page.server.wire();
      await wire.accept(true);
      wire.send({ cmd: "pubrel", messageId: 9 });
      await wire.closed;
    }
    await using page = await openPage(store);
    page.client.on("message", (_topic, _payload, packet) => keys.push(page.session.messageKey(packet)));
    const wire = await page.server.wire();
    await wire.accept(true);
    wire.send({ cmd: "pubrel", messageId: 9 });
    assert.deepEqual(await sent(wire, 1), ["pubcomp 9"]);
    wire.send({ cmd: "pubrel", messageId: 9 });
    assert.deepEqual(await sent(wire, 1), ["pubcomp 9"]);
    assert.equal(keys.length, 2);
    assert.ok(keys[0] !== undefined && keys[0] === keys[1], `${keys}`);
  });
}
