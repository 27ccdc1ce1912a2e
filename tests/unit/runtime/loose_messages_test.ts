/** QoS 0 for sessions elsewhere: the publisher does not wait, what cannot be kept is lost, and each loss is told. */
import assert from "node:assert/strict";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { BrokerOptions } from "../../../mod.ts";
import { publishPacket, subscribePacket, type TestClient, texts, world } from "./support.ts";

/** Two nodes on a store: subscribers at one, a publisher at the other. */
async function apart(options: Partial<BrokerOptions>, store = memoryStore()) {
  const here = world(options, store);
  const there = here.another({ nodeId: "there" });
  const subscribers: TestClient[] = [];
  for (const name of ["s1", "s2", "s3"]) {
    const subscriber = await here.connect(name, {}, there);
    await subscriber.send(subscribePacket(1, "t"));
    subscribers.push(subscriber);
  }
  const publisher = await here.connect("publisher");
  const heard = async (): Promise<readonly (readonly string[])[]> => {
    await here.pass(10_000);
    await there.runDue();
    await here.pass(10_000);
    return subscribers.map(texts);
  };
  const lost = (): readonly string[] =>
    here.of("dropped").flatMap((event) => event.type === "dropped" ? [`${event.clientId} ${event.reason}`] : []);
  return { ...here, subscribers, publisher, heard, lost };
}

function qos0(...names: readonly string[]) {
  return names.map((name) => publishPacket("t", 0, undefined, name));
}

Deno.test("QoS 0 goes to connected sessions elsewhere, and what gathers meanwhile leaves together", async () => {
  const { publisher, faults, heard, lost, of } = await apart({});
  const before = of("commit").length;
  faults.inject({ call: "commit", fault: "startsLate" });
  await publisher.send(...qos0("one"));
  await publisher.send(...qos0("two", "three"));
  faults.release();
  assert.deepEqual(await heard(), Array(3).fill(["one", "two", "three"]));
  assert.deepEqual(lost(), []);
  assert.equal(of("commit").length - before >= 2, true);
});

Deno.test("more QoS 0 than may wait is lost, and each loss is told to its session [G14]", async () => {
  const { publisher, faults, heard, lost } = await apart({ bounds: { maxPendingPackets: 2 } });
  faults.inject({ call: "commit", fault: "startsLate" });
  await publisher.send(...qos0("one"));
  for (const name of ["two", "three", "four"]) await publisher.send(...qos0(name));
  faults.release();
  assert.deepEqual(await heard(), Array(3).fill(["one", "two", "three"]));
  assert.deepEqual(lost(), ["s1 atMostOnce", "s2 atMostOnce", "s3 atMostOnce"]);
});

Deno.test("QoS 0 for more receivers than a commit reaches comes to all of them, in order", async () => {
  const { publisher, faults, heard, lost } = await apart({}, memoryStore({ maxReceiversPerCommit: 2 }));
  faults.inject({ call: "commit", fault: "startsLate" });
  await publisher.send(...qos0("one"));
  await publisher.send(...qos0("two", "three"));
  faults.release();
  assert.deepEqual(await heard(), Array(3).fill(["one", "two", "three"]));
  assert.deepEqual(lost(), []);
});

Deno.test("QoS 0 whose commit may have been carried out is not sent twice, and its loss is told [MQTT-4.3.1-1]", async () => {
  for (const [fault, arrives] of [["failsUnknown", false], ["failsAfter", true]] as const) {
    const { publisher, faults, heard, lost } = await apart({});
    faults.inject({ call: "commit", fault });
    await publisher.send(...qos0("one"));
    await publisher.send(...qos0("two"));
    assert.deepEqual(await heard(), Array(3).fill(arrives ? ["one", "two"] : ["two"]));
    assert.deepEqual(lost(), ["s1 atMostOnce", "s2 atMostOnce", "s3 atMostOnce"]);
  }
});

Deno.test("QoS 0 that the store was certain not to have taken is sent again", async () => {
  const { publisher, faults, heard, lost } = await apart({});
  faults.inject({ call: "commit", fault: "failsBefore", times: 2 });
  await publisher.send(...qos0("one"));
  assert.deepEqual(await heard(), Array(3).fill(["one"]));
  assert.deepEqual(lost(), []);
});
