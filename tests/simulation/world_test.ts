/** Worlds in which the oracle once saw what was not so. */
import assert from "node:assert/strict";
import type { ClientPlan, Plan } from "./plan/plan.ts";
import { play } from "./play.ts";

const CLIENT: ClientPlan = {
  version: 5,
  keepAlive: 5,
  sessionExpiryInterval: 600,
  usesAliases: false,
  filters: [],
  answersAfterMs: 0,
  firstPacketId: 1,
  isRude: false,
  returns: true,
};

const SUBSCRIPTION = { qos: 1, noLocal: false, retainAsPublished: false } as const;

/** A client floods its node, which takes each of the messages by itself, and is cut off. */
const FLOOD: Plan = {
  seed: 610_149,
  store: { kind: "keyValue", limits: "tight", maxReceivers: 3, delivery: "commit", watch: false, latencyMs: [0, 29] },
  broker: {
    leaseMs: 8_000,
    queueMessages: 4,
    whenFull: "reject",
    queueQos0: false,
    sendAhead: 256,
    pageMessages: 128,
    maximumInFlight: 1_024,
    receiveMaximum: 64,
    maximumSessionExpiryInterval: 4_294_967_295,
  },
  nodes: [{ clockMs: 0 }],
  clients: [
    {
      ...CLIENT,
      filters: [{ ...SUBSCRIPTION, filter: "+/0", identifier: 3 }],
      will: { topic: "u/0", qos: 2, delay: 2 },
    },
    { ...CLIENT, keepAlive: 2, sessionExpiryInterval: 0, receiveMaximum: 5, answersAfterMs: 20, isRude: true },
    {
      ...CLIENT,
      sessionExpiryInterval: 0,
      filters: [
        { ...SUBSCRIPTION, filter: "t/1", retainAsPublished: true, identifier: 6 },
        { ...SUBSCRIPTION, filter: "t/+", qos: 2 },
      ],
      answersAfterMs: 417,
      isRude: true,
    },
  ],
  networkMs: [1, 53],
  bytes: false,
  actions: [
    { at: 14, do: "connect", client: 1, node: 0, clean: false, will: true, old: "close" },
    { at: 29, do: "connect", client: 0, node: 0, clean: false, will: true, old: "close" },
    { at: 29, do: "connect", client: 2, node: 0, clean: true, will: true, old: "close" },
    { at: 559, do: "unsubscribe", client: 0, filter: "+/0" },
    { at: 820, do: "rude", client: 2, how: "floods" },
    { at: 1_062, do: "cut", client: 2, silent: false },
    { at: 3_321, do: "subscribe", client: 0, filter: { ...SUBSCRIPTION, filter: "t/#", retainAsPublished: true } },
  ],
  faults: [],
  lengthMs: 4_321,
};

Deno.test("who subscribes long after a flood may still get the rest of it", async () => {
  const { violations, observations } = await play(FLOOD, { isTold: true });
  assert.deepEqual(violations, []);
  const got = observations.filter((seen) => seen.type === "received" && seen.packet.type === "publish");
  assert.ok(got.some((seen) => seen.at - observations[0]!.at > 3_321), "some of it came afterwards");
});
