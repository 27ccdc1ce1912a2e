import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { MqttClient } from "mqtt";
import { BrokerProcess } from "../../e2e/support/broker_process.ts";
import { mqttClient, nextConnack } from "../../e2e/support/mqttjs_client.ts";
import { unlessStill, unlessStuck } from "../../e2e/support/unless_stuck.ts";
import { RoamingNetwork } from "./roaming_network.ts";
import type { Handled, PageSettings } from "./roaming_page.ts";
import { call, type EvaluatingPage, serveSite, type Site } from "./site.ts";

/** Which client runs in the page. */
export type ClientKind = "MQTT.js" | "sessionClient";

const PROGRAMS: Readonly<Record<ClientKind, string>> = {
  "MQTT.js": "tests/browser/support/roaming_mqttjs_program.ts",
  "sessionClient": "tests/browser/support/roaming_client_program.ts",
};

/** Sizes that nothing of these tests reaches. */
const BROKER_ARGS: readonly string[] = [
  ...["--store", "memory"],
  ...["--max-queued-messages", "50000", "--max-queued-bytes", "268435456"],
  ...["--max-packet-bytes", "8388608", "--max-input-bytes", "67108864"],
];

/** A client in the process of the test, which stays connected to the broker. */
export class RoamingPeer {
  readonly #client: MqttClient;
  readonly #sending: Promise<unknown>[] = [];
  /** What came, in order. */
  readonly arrived: Handled[] = [];
  readonly #seen = new Set<string>();
  #came: (topic: string) => void = () => {};

  private constructor(client: MqttClient) {
    this.#client = client;
    client.on("message", (topic, payload) => {
      const content = payload.length > 1_000 ? "" : payload.toString();
      this.arrived.push({ topic, content });
      this.#seen.add(topic);
      this.onPayload(topic, payload);
      this.#came(topic);
    });
  }

  /** Is told of each payload that comes. */
  onPayload: (topic: string, payload: Uint8Array) => void = () => {};

  /** Connects and subscribes. */
  static async connect(broker: BrokerProcess): Promise<RoamingPeer> {
    const client = mqttClient(broker, 5, { clientId: "peer", keepalive: 60 });
    await nextConnack(client);
    const peer = new RoamingPeer(client);
    await client.subscribeAsync("to/peer/#", { qos: 2 });
    return peer;
  }

  /** Publishes, and does not wait. */
  send(topic: string, payload: string | Uint8Array, qos: 1 | 2): void {
    const bytes = typeof payload === "string" ? payload : Buffer.from(payload.slice().buffer);
    this.#sending.push(this.#client.publishAsync(topic, bytes, { qos }));
  }

  /** Ends once the broker has taken all that was sent. */
  async sent(): Promise<void> {
    await Promise.all(this.#sending);
  }

  /** Ends once all of these topics have come. It is waited for while any come, or while there is other progress. */
  async has(topics: Iterable<string>, progress: () => Promise<number> = () => Promise.resolve(0)): Promise<void> {
    const missing = new Set([...topics].filter((topic) => !this.#seen.has(topic)));
    const all = new Promise<void>((resolve) => {
      this.#came = (topic) => {
        if (missing.delete(topic) && missing.size === 0) resolve();
      };
      if (missing.size === 0) resolve();
    });
    const moved = async () => this.arrived.length + await progress();
    await unlessStill("receiving at the peer", all, moved).catch((error: Error) => {
      throw new Error(`${error.message}: ${missing.size} are missing, as ${[...missing].slice(0, 5).join(", ")}`);
    });
  }

  /** Leaves. */
  end(): Promise<void> {
    return this.#client.endAsync(true);
  }
}

/** A site, a broker, a network between the two, and a client at the other end. */
export class RoamingScene implements AsyncDisposable {
  readonly site: Site;
  readonly broker: BrokerProcess;
  readonly network: RoamingNetwork;
  readonly peer: RoamingPeer;

  private constructor(site: Site, broker: BrokerProcess, network: RoamingNetwork, peer: RoamingPeer) {
    this.site = site;
    this.broker = broker;
    this.network = network;
    this.peer = peer;
  }

  static async set(kind: ClientKind): Promise<RoamingScene> {
    const [site, broker] = await Promise.all([
      serveSite({ program: PROGRAMS[kind] }),
      BrokerProcess.start(...BROKER_ARGS),
    ]);
    return new RoamingScene(site, broker, new RoamingNetwork(broker.url), await RoamingPeer.connect(broker));
  }

  /** Starts the client of a page. */
  async start(page: EvaluatingPage, settings: Pick<PageSettings, "isNew" | "repeatForMs">): Promise<void> {
    const all: PageSettings = { url: this.network.url, clientId: "page", ...settings };
    await unlessStuck("starting a page", call(page, "start", all));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.peer.end();
    await this.network[Symbol.asyncDispose]();
    await this.broker[Symbol.asyncDispose]();
    await this.site[Symbol.asyncDispose]();
  }
}

/** What has to be true of what arrived of one level. */
export interface Expected {
  readonly way: string;
  readonly qos: 1 | 2;
  readonly arrived: readonly Handled[];
  /** Topics that have to be there. */
  readonly stored: ReadonlySet<string>;
  /** The only ones that may. */
  readonly published: ReadonlySet<string>;
}

/** Nothing is lost, nothing is made up, the order is kept, and of QoS 2 nothing comes twice. */
export function assertArrived({ way, qos, arrived, stored, published }: Expected): void {
  const ofLevel = arrived.filter(({ topic }) => topic.includes(`/qos${qos}/`));
  for (const { topic, content } of ofLevel) assert.equal(content, `payload of ${topic}`);
  const topics = ofLevel.map(({ topic }) => topic);
  const first = [...new Set(topics)];
  const expected = [...stored].filter((topic) => topic.includes(`/qos${qos}/`));
  const lost = expected.filter((topic) => !first.includes(topic));
  assert.deepEqual(lost, [], `${way}: lost`);
  assert.deepEqual(first.filter((topic) => !published.has(topic)), [], `${way}: never published`);
  const numbers = first.map((topic) => Number(topic.split("/")[3]));
  assert.deepEqual(numbers, [...numbers].sort((one, other) => one - other), `${way}, QoS ${qos}: out of order`);
  if (qos === 1) return;
  const times = new Map<string, number>();
  for (const topic of topics) times.set(topic, (times.get(topic) ?? 0) + 1);
  assert.deepEqual([...times].filter(([, count]) => count > 1), [], `${way}: more than once`);
}
