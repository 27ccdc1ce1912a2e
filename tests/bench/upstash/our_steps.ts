/**
 * Every step of a session, and what it asks of Redis: scripts and shapes known, the node's lease taken.
 *
 * @module
 */
import type { ClientPacket } from "../../../src/mqtt/packet.ts";
import type { RedisStep } from "../../support/redis/costs.ts";
import { type Ours, type OurUsage, publishPacket } from "./ours.ts";
import type { OurGround } from "./rig.ts";

/** What steps cost, by their names. */
export type OurSteps = Readonly<Record<RedisStep, OurUsage>>;

/** Messages that wait, or that are acknowledged together. */
const MANY = 100;

/** Measures every step on an empty Redis. */
export async function measureOurSteps(ground: OurGround): Promise<OurSteps> {
  const ours = ground.ours();
  const other = ground.ours("other");
  const steps: Partial<Record<RedisStep, OurUsage>> = {};
  const measure = async (name: RedisStep, step: () => unknown, side = ours) => {
    steps[name] = await side.usageOf(step);
  };
  try {
    await warmUp(ours, other);
    await sessions(ours, other, measure);
    await messages(ours, other, measure);
    steps.hear = await node(ours, other, measure);
    return steps as OurSteps; // Every name stands in one of the three.
  } finally {
    await ours.close();
    await other.close();
  }
}

type Measure = (name: RedisStep, step: () => unknown, side?: Ours) => Promise<void>;

/** Takes the leases, and lets the server learn every script and the nodes the shapes. */
async function warmUp(ours: Ours, other: Ours): Promise<void> {
  await ours.connect("warm");
  await ours.subscribe("warm", ["warm", "warm/+"]);
  await other.connect("warm-other");
  await ours.publish("warm", "warm");
  await other.publish("warm-other", "warm");
  for (const side of [ours, other]) await side.broker.runDue();
  // An ended session's outbox is looked at.
  await other.connect("warm-other", { cleanStart: true });
  // A look at what is new, and another that clears it.
  await other.connect("warm-heard");
  await other.subscribe("warm-heard", ["heard"]);
  await ours.publish("warm", "heard");
  for (let count = 0; count < 2; count++) await other.broker.runDue();
  for (const side of [ours, other]) await side.broker.settled();
}

async function sessions(ours: Ours, other: Ours, measure: Measure): Promise<void> {
  await ours.connect("publisher");
  await ours.broker.settled();
  await measure("connectNew", () => ours.connect("a"));
  await measure("subscribe", () => ours.subscribe("a", ["a/1"]));
  const ten = Array.from({ length: 10 }, (_, index) => `b/${index}`);
  await measure("subscribeTen", () => ours.subscribe("a", ten));
  await measure("unsubscribe", () => ours.unsubscribe("a", ten.slice(0, 1)));
  await measure("disconnect", () => ours.disconnect("a"));
  await ours.queueMessages("publisher", "a/1", MANY, 1);
  await ours.broker.settled();
  await measure("connectResume", () => ours.resume("a", MANY));
  await measure("connectionLost", () => ours.client("a").lose());
  await ours.resume("a", MANY);
  await measure("takeoverHere", () => ours.connect("a"));
  await measure("takeoverElsewhere", () => other.connect("a"), other);
  await other.disconnect("a");
  await measure("connectCleanStart", () => ours.connect("a", { cleanStart: true }));
  await measure("connectWithWill", () => ours.connect("will", { will: will() }));
  await measure("disconnectAndEnd", () => {
    ours.client("a").send({ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 0 });
    return ours.client("a").done;
  });
  await measure("ping", () => ours.client("publisher").send({ type: "pingreq" }));
}

async function messages(ours: Ours, other: Ours, measure: Measure): Promise<void> {
  for (const receivers of [1, 10, MANY]) {
    const names = Array.from({ length: receivers }, (_, index) => `stored-${receivers}-${index}`);
    await ours.storedSessions(names, () => [`stored/${receivers}`]);
  }
  await measure("publish", () => ours.publish("publisher", "stored/1"));
  await measure("publishToTen", () => ours.publish("publisher", "stored/10"));
  await measure("publishToHundred", () => ours.publish("publisher", "stored/100"));
  await measure("publishQos2", () => pair(ours, "publisher", publishPacket("stored/1", 2, 7), "pubrec"));
  await measure("release", () => pair(ours, "publisher", { type: "pubrel", packetId: 7, reasonCode: 0 }, "pubcomp"));
  await measure("publishHundred", () => ours.queueMessages("publisher", "stored/1", MANY, 1));

  await ours.connect("here");
  await ours.subscribe("here", ["here"], 2);
  await measure("publishHere", () => ours.publish("publisher", "here"));
  await measure("acknowledge", () => acknowledge(ours, "here", "publish", "puback"));
  await ours.queueMessages("publisher", "here", MANY, 1);
  await ours.broker.settled();
  await measure("acknowledgeHundred", () => acknowledge(ours, "here", "publish", "puback"));
  ours.client("here").forget();
  await pair(ours, "publisher", publishPacket("here", 2, 8), "pubrec");
  await ours.broker.settled();
  await measure("received", () => acknowledge(ours, "here", "publish", "pubrec"));
  await measure("completed", () => acknowledge(ours, "here", "pubrel", "pubcomp"));
  await pair(ours, "publisher", { type: "pubrel", packetId: 8, reasonCode: 0 }, "pubcomp");
  await ours.broker.settled();
  await ours.queueMessages("publisher", "here", MANY, 2);
  await ours.broker.settled();
  await measure("receivedHundred", () => acknowledge(ours, "here", "publish", "pubrec"));
  await measure("completedHundred", () => acknowledge(ours, "here", "pubrel", "pubcomp"));

  await other.connect("elsewhere");
  await other.subscribe("elsewhere", ["elsewhere"]);
  await measure("publishElsewhere", () => ours.publish("publisher", "elsewhere"));
}

/** The steps of a node; answers what it costs to hear of one ring, beside the looks that are taken anyway. */
async function node(ours: Ours, other: Ours, measure: Measure): Promise<OurUsage> {
  const { store } = ours;
  await measure("doorbell", () => store.readRings("nobody"));
  await measure("due", async () => {
    await store.listDue(Date.now(), { limit: 64, graceMs: 30_000 });
    await store.nextDueAt();
  });
  await measure("renew", () => store.renewNode("renewed", Date.now() + 1_000));
  // The other node was rung: a look tells it, and the look after that clears it.
  const looks = async () => {
    for (let count = 0; count < 2; count++) await other.broker.runDue();
  };
  const rung = await other.usageOf(looks);
  const quiet = await other.usageOf(looks);
  return {
    trips: rung.trips - quiet.trips,
    requests: rung.requests - quiet.requests,
    billed: rung.billed - quiet.billed,
    bytes: rung.bytes - quiet.bytes,
    reading: rung.reading,
  };
}

function will() {
  return {
    topic: "will",
    payload: new Uint8Array(8),
    qos: 1,
    retain: false,
    properties: {},
    willDelayInterval: 0,
  } as const;
}

/** Sends a packet, and waits for its answer. */
async function pair(ours: Ours, clientId: string, packet: ClientPacket, answer: "pubrec" | "pubcomp"): Promise<void> {
  const client = ours.client(clientId);
  client.forget();
  client.send(packet);
  await client.first(answer);
}

/** Answers all packets of a type that came, in one piece. */
function acknowledge(
  ours: Ours,
  clientId: string,
  type: "publish" | "pubrel",
  answer: "puback" | "pubrec" | "pubcomp",
): void {
  const client = ours.client(clientId);
  const ids = client.received.flatMap((packet) => packet.type === type ? [packet.packetId ?? 0] : []);
  client.forget();
  client.send(...ids.map((packetId): ClientPacket => ({ type: answer, packetId, reasonCode: 0 })));
}
