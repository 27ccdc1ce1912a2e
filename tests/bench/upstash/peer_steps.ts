/**
 * The peer's way through the same steps, where it has one, and what they cost.
 *
 * @module
 */
import type { RedisStep } from "../../support/redis/costs.ts";
import type { Peer, PeerUsage } from "./peer.ts";
import type { Rig } from "./rig.ts";

/** What steps cost the peer, by their names. */
export type PeerSteps = Readonly<Partial<Record<RedisStep, PeerUsage>>>;

const MANY = 100;

/** Measures every step that the peer has, on an empty Redis. */
export async function measurePeerSteps(rig: Rig): Promise<PeerSteps> {
  const peer = await rig.peer({ countTrips: true });
  const steps: Partial<Record<RedisStep, PeerUsage>> = {};
  const measure = async (name: RedisStep, step: () => unknown) => {
    await peer.usage();
    await step();
    steps[name] = await peer.usage();
  };
  try {
    await sessions(peer, measure);
    await messages(peer, measure);
    return steps;
  } finally {
    await peer.close();
  }
}

type Measure = (name: RedisStep, step: () => unknown) => Promise<void>;

async function sessions(peer: Peer, measure: Measure): Promise<void> {
  await measure("connectNew", () => peer.connectNew("a"));
  await measure("subscribe", () => peer.subscribe("a", ["a/1"]));
  const ten = Array.from({ length: 10 }, (_, index) => `b/${index}`);
  await measure("subscribeTen", () => peer.subscribe("a", ten));
  await measure("unsubscribe", () => peer.unsubscribe("a", ten.slice(0, 1)));
  await measure("disconnect", () => peer.disconnect("a"));
  await peer.queueMessages("a/1", MANY);
  await measure("connectResume", () => peer.resume("a"));
  await measure("connectionLost", () => peer.connectionLost("a"));
  await measure("connectCleanStart", () => peer.connect("a", { clean: true }));
  await measure("disconnectAndEnd", () => peer.disconnect("a"));
  const will = { topic: "will", qos: 1, payload: new Uint8Array(8) } as const;
  await measure("connectWithWill", () => peer.connect("will", { will }));
  await measure("ping", () => {});
}

async function messages(peer: Peer, measure: Measure): Promise<void> {
  for (const receivers of [1, 10, MANY]) {
    const names = Array.from({ length: receivers }, (_, index) => `stored-${receivers}-${index}`);
    await peer.storedSessions(names, () => [`stored/${receivers}`]);
  }
  await measure("publish", () => peer.publish("stored/1"));
  await measure("publishToTen", () => peer.publish("stored/10"));
  await measure("publishToHundred", () => peer.publish("stored/100"));
  await measure("publishHundred", () => peer.queueMessages("stored/1", MANY));
}
