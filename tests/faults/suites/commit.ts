/**
 * A store that hangs, or forgets to answer, at every call of a session's life: nothing is acknowledged that is not
 * stored, the connection closes, nothing happens twice, and what the client sends again succeeds.
 */
import assert from "node:assert/strict";
import type { ClientPacket } from "../../../mod.ts";
import type { Fault, InterceptedCall } from "../../../src/testing/mod.ts";
import { connectPacket, publishPacket, subscribePacket } from "../../unit/runtime/support.ts";
import type { StoreKind } from "../support/stores.ts";
import { type Client, texts, type World, world } from "../support/world.ts";

const COMMIT = { timeoutMs: 1_000, repeatForMs: 3_000, repeatAfterMs: 100 } as const;

/** A step of the client `c`, and what shows that the store has carried it out, once. */
interface Step {
  readonly name: string;
  readonly packet: ClientPacket;
  /** What acknowledges it. */
  readonly answer: string;
  /** What the subscriber of `t` has got after it. */
  readonly delivered: readonly string[];
  /** Sent before it, and acknowledged. */
  readonly before?: ClientPacket;
}

const PUBREL: ClientPacket = { type: "pubrel", packetId: 7, reasonCode: 0 };
const STEPS: readonly Step[] = [
  { name: "a QoS 1 PUBLISH", packet: publishPacket("t", 1, 7, "m"), answer: "puback", delivered: ["m"] },
  { name: "a QoS 2 PUBLISH", packet: publishPacket("t", 2, 7, "m"), answer: "pubrec", delivered: ["m"] },
  { name: "a PUBREL", before: publishPacket("t", 2, 7, "m"), packet: PUBREL, answer: "pubcomp", delivered: ["m"] },
  { name: "a SUBSCRIBE", packet: subscribePacket(7, "x"), answer: "suback", delivered: [] },
  {
    name: "an UNSUBSCRIBE",
    before: subscribePacket(6, "x"),
    packet: { type: "unsubscribe", packetId: 7, filters: ["x"] },
    answer: "unsuback",
    delivered: [],
  },
];

function again(packet: ClientPacket): ClientPacket {
  return packet.type === "publish" ? { ...packet, dup: true } : packet;
}

async function prepared(here: World, step: Step): Promise<{ readonly subscriber: Client; readonly client: Client }> {
  const subscriber = await here.connect("sub");
  await subscriber.send(subscribePacket(1, "t"));
  const client = await here.connect("c");
  if (step.before !== undefined) await client.send(step.before);
  client.got.length = 0;
  return { subscriber, client };
}

/** Whether a commit is of this client's session. */
function isOf(clientId: string): (call: InterceptedCall) => boolean {
  return ({ args }) =>
    (args[0] as { guard?: { clientId: string } }[]).some(({ guard }) => guard?.clientId === clientId);
}

/** Tests it on one kind of store. */
export function commitFaults({ name, make }: StoreKind): void {
  for (const step of STEPS) {
    for (const fault of ["failsBefore", "failsUnknown", "failsAfter", "neverStarts", "replyLost"] satisfies Fault[]) {
      Deno.test(`${name}: ${step.name} whose commit ${fault} for ever is not acknowledged, and succeeds when sent again`, async () => {
        await using subject = await make();
        const here = world(subject.store, { commit: COMMIT });
        const happens = fault === "failsAfter" || fault === "replyLost";
        const { subscriber, client } = await prepared(here, step);
        here.faults.inject({ call: "commit", when: isOf("c"), fault, times: Infinity });
        await client.send(step.packet);
        await here.pass(10_000);
        assert.equal(client.told().includes(step.answer), false);
        assert.equal(client.closed, true);
        here.faults.heal();
        const back = await here.connect("c");
        assert.equal(back.got[0]?.type === "connack" && back.got[0].sessionPresent, true);
        await back.send(again(step.packet));
        // PUBCOMP 0x92: the identifier was released the first time.
        const isReleased = step.answer === "pubcomp" && happens;
        assert.equal(back.told(), `connack ${step.answer}${isReleased ? ":92" : ""}`);
        await here.runDue();
        const twice = step.answer === "puback" && happens;
        // At least once: the store had taken the first one, and QoS 1 cannot tell that the second is the same.
        assert.deepEqual(texts(subscriber), twice ? ["m", "m"] : step.delivered);
        await here.broker.shutdown();
      });

      Deno.test(`${name}: ${step.name} whose commit ${fault} once is carried out once and acknowledged, then the connection closes [D8]`, async () => {
        await using subject = await make();
        const here = world(subject.store, { commit: COMMIT });
        const { subscriber, client } = await prepared(here, step);
        here.faults.inject({ call: "commit", when: isOf("c"), fault });
        await client.send(step.packet);
        await here.pass(10_000);
        assert.equal(client.told(), `${step.answer} disconnect:83`);
        await here.runDue();
        assert.deepEqual(texts(subscriber), step.delivered);
        assert.equal((await here.broker.inspect("c"))?.attached, false);
        await here.broker.shutdown();
      });
    }
  }

  for (const fault of ["failsAfter", "failsUnknown", "replyLost"] satisfies Fault[]) {
    Deno.test(`${name}: a CONNECT whose acquire ${fault} once succeeds, and Session Present tells the truth [G11]`, async () => {
      await using subject = await make();
      const here = world(subject.store, { commit: COMMIT });
      here.faults.inject({ call: "acquire", fault });
      const first = await here.connect("c");
      await here.pass(3_000);
      assert.equal(first.got[0]?.type === "connack" && first.got[0].sessionPresent, false);
      await first.send(subscribePacket(1, "t"));
      here.faults.inject({ call: "acquire", fault });
      const second = await here.connect("c");
      await here.pass(3_000);
      assert.equal(second.got[0]?.type === "connack" && second.got[0].sessionPresent, true);
      assert.equal(first.told(), "connack suback disconnect:8e");
      await second.send(publishPacket("t", 1, 2, "mine"));
      assert.deepEqual(texts(second), ["mine"]);
      await here.broker.shutdown();
    });

    Deno.test(`${name}: a DISCONNECT whose commit ${fault} once deletes the Will and lets go of the session`, async () => {
      await using subject = await make();
      const here = world(subject.store, { commit: COMMIT });
      const watcher = await here.connect("watcher");
      await watcher.send(subscribePacket(1, "will"));
      const will = { topic: "will", payload: new Uint8Array(), qos: 1, retain: false, properties: {} } as const;
      const client = await here.connect("c", { will: { ...will, willDelayInterval: 0 } });
      here.faults.inject({ call: "commit", when: isOf("c"), fault });
      await client.send({ type: "disconnect", reasonCode: 0 });
      await here.pass(5_000);
      await here.runDue();
      assert.equal((await here.broker.inspect("c"))?.attached, false);
      assert.deepEqual(texts(watcher), []);
      await here.broker.shutdown();
    });
  }

  for (const call of ["acquire", "renewNode", "matchSubscriptions", "admitFilters", "readQueue", "commit"]) {
    Deno.test(`${name}: a store that hangs in ${call} closes the connection unacknowledged, and recovers`, async () => {
      await using subject = await make();
      // One message a page, so that the log has to be read for the second.
      const limits = { pageMessages: 1 };
      const here = world(subject.store, { commit: COMMIT, limits });
      const keeper = await here.connect("c");
      await keeper.send(subscribePacket(1, "t"));
      await keeper.drop();
      const publisher = await here.connect("pub");
      await publisher.send(publishPacket("t", 1, 1, "a"), publishPacket("t", 1, 2, "b"), publishPacket("t", 1, 3, "c"));
      await publisher.send({ type: "disconnect", reasonCode: 0 });
      const life = [connectPacket("c"), subscribePacket(2, "x"), publishPacket("x", 1, 3, "mine")];
      if (call === "renewNode") here.clock.advance(35_000);
      here.faults.inject({ call, fault: "neverStarts", times: Infinity });
      const client = here.client();
      await client.send(...life);
      await here.pass(20_000);
      assert.equal(client.closed, true);
      // Its own publish does not hang on what its log holds.
      assert.equal(client.told().includes("puback"), call === "readQueue");
      here.faults.heal();
      await here.runDue();
      const back = here.client();
      await back.send(...life);
      assert.equal(back.got.some((packet) => packet.type === "puback"), true);
      for (let index = 0; index < back.got.length; index++) {
        const packet = back.got[index];
        if (packet?.type !== "publish" || packet.packetId === undefined) continue;
        await back.send({ type: packet.qos === 1 ? "puback" : "pubrec", packetId: packet.packetId, reasonCode: 0 });
      }
      assert.deepEqual(texts(back).filter((text) => text !== "mine"), ["a", "b", "c"]);
      await here.broker.shutdown();
    });
  }
}
