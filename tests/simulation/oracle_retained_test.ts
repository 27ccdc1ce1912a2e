/** What the oracle of retained messages says of what is removed, and of what expires. */
import assert from "node:assert/strict";
import type { WirePacket } from "./oracle/observation.ts";
import { RetainedOracle } from "./oracle/retained.ts";
import { publish, release, subscribe } from "./traces/trace.ts";

/** A publisher on connection 1, a client that subscribes later on connection 2, a millisecond for each packet. */
class Retaining {
  readonly oracle: RetainedOracle = new RetainedOracle(true, 10);
  now = 1_000;

  constructor() {
    for (const [client, connection] of [["writer", 1], ["reader", 2]] as const) {
      this.oracle.see({ type: "opened", at: this.now, client, connection });
      this.sent(connection, { type: "connect", protocolVersion: 5, clientId: client, cleanStart: true, keepAlive: 0 });
      this.got(connection, { type: "connack", sessionPresent: false, reasonCode: 0 });
    }
  }
  sent(connection: number, packet: WirePacket): void {
    this.oracle.see({ type: "sent", at: ++this.now, connection, packet });
  }
  got(connection: number, packet: WirePacket): void {
    this.oracle.see({ type: "received", at: ++this.now, connection, packet });
  }
  retains(text: string, id: number, messageExpiryInterval?: number): void {
    const expiry = messageExpiryInterval === undefined ? {} : { messageExpiryInterval };
    this.sent(1, publish(text, { id, retain: true, ...expiry }));
    this.got(1, release("puback", id));
  }
  subscribes(): void {
    this.sent(2, subscribe(1, "t", 1));
    this.got(2, { type: "suback", packetId: 1, reasonCodes: [1] });
  }
  /** The rules that were broken once all is at rest. */
  broken(): readonly string[] {
    this.oracle.finish(this.now);
    return this.oracle.violations.map(({ rule }) => rule);
  }
}

Deno.test("the oracle of retained messages bears that nothing comes after a removal", () => {
  const world = new Retaining();
  world.retains("m1", 1);
  world.retains("", 2);
  world.subscribes();
  assert.deepEqual(world.broken(), []);
  assert.equal(world.oracle.judged, 1);
});

Deno.test("the oracle of retained messages sees that a removed message comes", () => {
  const world = new Retaining();
  world.retains("m1", 1);
  world.retains("", 2);
  world.subscribes();
  world.got(2, publish("m1", { retain: true }));
  assert.deepEqual(world.broken(), ["retained"]);
});

Deno.test("the oracle of retained messages sees that a removal does not reach who was there", () => {
  const world = new Retaining();
  world.subscribes();
  world.retains("m1", 1);
  world.got(2, publish("m1"));
  world.retains("", 2);
  assert.deepEqual(world.broken(), ["retained"]);
});

Deno.test("the oracle of retained messages sees one that comes after its time", () => {
  const world = new Retaining();
  world.retains("m1", 1, 1);
  world.now += 1_100;
  world.subscribes();
  world.got(2, publish("m1", { retain: true }));
  assert.deepEqual(world.broken(), ["retained expired"]);
});
