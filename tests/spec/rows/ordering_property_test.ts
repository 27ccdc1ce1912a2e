/** OR-05 at random: whatever drops, crashes and small windows do, each stream of messages comes in the order received. */
import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { lasting, rowInBoth, type Version } from "../support/both_versions.ts";
import { publisher, response } from "../support/deliveries.ts";
import { type Client, read, Rig, text } from "../support/rig.ts";
import { idOf } from "../support/seen.ts";

/** What can happen while messages are under way. */
type Move =
  | { readonly type: "publish"; readonly stream: number; readonly count: number }
  | { readonly type: "acknowledge"; readonly count: number }
  | { readonly type: "drop" | "crash" }
  | { readonly type: "connect"; readonly window: number };

/** Two topics at two QoS each: within one of these four streams order is promised. */
const STREAMS = [["t/1", 1], ["t/1", 2], ["t/2", 1], ["t/2", 2]] as const;

const moves = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constant("publish" as const),
        stream: fc.nat(3),
        count: fc.integer({ min: 1, max: 4 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ type: fc.constant("acknowledge" as const), count: fc.integer({ min: 1, max: 5 }) }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("drop" as const, "crash" as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant("connect" as const), window: fc.integer({ min: 1, max: 4 }) }),
    },
  ),
  { maxLength: 40, size: "max" },
);

/** A subscriber that reads in order and acknowledges when told; it notes each message when it first comes. */
class Reader {
  readonly first: string[] = [];
  client: Client | undefined;
  readonly #rig: Rig;
  readonly #version: Version;
  #owed: { readonly type: "puback" | "pubrec" | "pubcomp"; readonly id: number }[] = [];

  constructor(rig: Rig, version: Version) {
    this.#rig = rig;
    this.#version = version;
  }

  async connect(window: number): Promise<void> {
    const receiveMaximum = this.#version === 5 ? { receiveMaximum: window } : {};
    this.client = await this.#rig.dial(lasting(this.#version, receiveMaximum));
    equal(this.client.take("connack").reasonCode, 0);
    this.#owed = [];
  }

  read(): void {
    for (const packet of this.client?.takeAll() ?? []) {
      if (packet.type === "publish") {
        const payload = read(packet.payload);
        if (!this.first.includes(payload)) this.first.push(payload);
        this.#owed.push({ type: packet.qos === 1 ? "puback" : "pubrec", id: idOf(packet) });
      } else if (packet.type === "pubrel") {
        this.#owed.push({ type: "pubcomp", id: packet.packetId });
      }
    }
  }

  async acknowledge(count: number): Promise<void> {
    this.read();
    const now = this.#owed.splice(0, count);
    for (const { type, id } of now) await this.client?.send(response(type, id));
    this.read();
  }

  async acknowledgeAll(): Promise<void> {
    this.read();
    while (this.#owed.length > 0) await this.acknowledge(this.#owed.length);
  }
}

/** Plays moves; answers what was published and what came, each by stream. */
async function play(rig: Rig, version: Version, script: readonly Move[]) {
  const reader = new Reader(rig, version);
  await reader.connect(2);
  await reader.client?.subscribe("t/#", 2);
  let p = await publisher(rig, version);
  const published: string[][] = [[], [], [], []];
  let packetId = 0;
  const acts = async (move: Move): Promise<void> => {
    switch (move.type) {
      case "publish": {
        const [topic, qos] = STREAMS[move.stream] ?? STREAMS[0];
        for (let count = 0; count < move.count; count++) {
          const payload = `${move.stream}:${published[move.stream]?.length}`;
          published[move.stream]?.push(payload);
          packetId += 1;
          await p.publish(topic, { qos, packetId, payload: text(payload) });
          if (qos === 2) await p.send(response("pubrel", packetId));
        }
        return;
      }
      case "acknowledge":
        return await reader.acknowledge(move.count);
      case "drop":
        reader.read();
        await reader.client?.drop();
        reader.client = undefined;
        return;
      case "crash":
        reader.read();
        reader.client = undefined;
        await rig.crash();
        p = await rig.connect(lasting(version, { clientId: "p" }), true);
        return;
      case "connect":
        reader.read();
        return await reader.connect(move.window);
      default:
        return move satisfies never;
    }
  };
  for (const move of script) await acts(move);
  await reader.connect(3);
  await reader.acknowledgeAll();
  equal(await rig.queued(), 0);
  const came = STREAMS.map((_, stream) => reader.first.filter((payload) => payload.startsWith(`${stream}:`)));
  return { published, came };
}

rowInBoth(
  "OR-05",
  "sends first in the order received, per publisher, topic and QoS, through drops, crashes and small windows",
  {
    5: "MQTT-4.6.0-5",
    4: "MQTT-4.6.0-6",
  },
  async (_, version) => {
    await fc.assert(
      fc.asyncProperty(moves, async (script) => {
        const rig = new Rig({ limits: { maximumInFlight: 3, sendAhead: 2, pageMessages: 4 } });
        const { published, came } = await play(rig, version, script);
        deepEqual(came, published);
      }),
      { numRuns: 100 },
    );
  },
);

for (const whenFull of ["dropOldest", "dropNewest"] as const) {
  rowInBoth("OR-05", `keeps the order of what is left when a full queue gives way by ${whenFull}`, {
    5: "MQTT-4.6.0-5",
    4: "MQTT-4.6.0-6",
  }, async (_, version) => {
    await fc.assert(
      fc.asyncProperty(moves, async (script) => {
        const rig = new Rig({ limits: { maximumInFlight: 3 }, queue: { maximumMessages: 5, whenFull } });
        const { published, came } = await play(rig, version, script);
        for (const [stream, payloads] of came.entries()) {
          const left = published[stream]?.filter((payload) => payloads.includes(payload));
          deepEqual(payloads, left);
        }
      }),
      { numRuns: 60 },
    );
  });
}
