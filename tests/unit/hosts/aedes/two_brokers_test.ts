/**
 * A client that goes from one broker to another, in the cases in which the persistence of aedes for Redis fails: see
 * redis_peer_redis_test.ts.
 */
import assert from "node:assert/strict";
import { AedesWorld } from "./support/aedes_world.ts";

Deno.test("a PUBACK that another broker gets removes the message", async () => {
  await using world = new AedesWorld();
  const [a, b] = [await world.broker(), await world.broker()];
  const first = await a.connect("c");
  await first.subscribe("t");
  await a.publish("t", "one");
  const sent = await first.next("publish");
  await first.lose();
  const second = await b.connect("c");
  assert.equal(second.sessionPresent, true);
  const again = await second.next("publish");
  assert.deepEqual([again.messageId, again.dup, String(again.payload)], [sent.messageId, true, "one"]);
  second.send({ cmd: "puback", messageId: again.messageId });
  await second.ping();
  await b.persistence.settled();
  assert.equal((await world.stores.store.directory.inspect("c"))?.queuedMessages, 0);
});
