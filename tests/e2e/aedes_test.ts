/** Two brokers of aedes over one Deno KV, and a client of MQTT.js that goes from one to the other. */
import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { Aedes } from "aedes";
import mqtt, { type IPublishPacket, type MqttClient } from "mqtt";
import { aedesPersistence } from "@edge-mqtt/session/aedes";
import { denoKvRetained, denoKvStore } from "@edge-mqtt/session/deno-kv";

/** A broker behind a port of its own. */
class Broker implements AsyncDisposable {
  readonly #aedes: Aedes;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly persistence: ReturnType<typeof aedesPersistence>;

  private constructor(aedes: Aedes, persistence: ReturnType<typeof aedesPersistence>) {
    this.#aedes = aedes;
    this.persistence = persistence;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      aedes.handle(socket);
    });
  }

  static async start(kv: Deno.Kv): Promise<Broker> {
    const persistence = aedesPersistence({ store: denoKvStore(kv), retained: denoKvRetained(kv) });
    const broker = new Broker(await Aedes.createBroker({ persistence }), persistence);
    await new Promise<void>((resolve) => broker.#server.listen(0, "127.0.0.1", resolve));
    return broker;
  }

  /** Connects a client, and listens before anything can come. */
  async connect(clientId: string): Promise<{ client: MqttClient; next: () => Promise<IPublishPacket> }> {
    const address = this.#server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const options = { clientId, clean: false, reconnectPeriod: 0, keepalive: 0 };
    const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, options);
    const next = messagesOf(client);
    await new Promise((resolve, reject) => client.once("connect", resolve).once("error", reject));
    return { client, next };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#aedes.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.persistence.destroy();
  }
}

/** The messages of a client, as they come. */
function messagesOf(client: MqttClient): () => Promise<IPublishPacket> {
  const came: IPublishPacket[] = [];
  const waiting: ((packet: IPublishPacket) => void)[] = [];
  client.on("message", (_topic, _payload, packet) => {
    const next = waiting.shift();
    if (next === undefined) came.push(packet);
    else next(packet);
  });
  return () => {
    const next = came.shift();
    return next === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(next);
  };
}

Deno.test({
  name: "MQTT.js goes from one broker of aedes to another, and finds its session there: QoS 1 and 2",
  // MQTT.js leaves a timer behind where a connection is cut.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const kv = await Deno.openKv(":memory:");
    {
      await using a = await Broker.start(kv);
      await using b = await Broker.start(kv);
      const { client: publisher } = await a.connect("publisher");
      const { client: first } = await b.connect("receiver");
      await first.subscribeAsync({ "meters/+": { qos: 2 } });
      await first.endAsync();
      await b.persistence.settled();
      await publisher.publishAsync("meters/1", "at 1", { qos: 1 });
      await publisher.publishAsync("meters/2", "at 2", { qos: 2 });
      await publisher.publishAsync("meters/3", "at 2 too", { qos: 2 });
      await a.persistence.settled();

      const { client: second, next } = await b.connect("receiver");
      const received = [await next(), await next(), await next()].map(({ payload, qos }) => `${payload}: ${qos}`);
      assert.deepEqual(received.sort(), ["at 1: 1", "at 2 too: 2", "at 2: 2"]);
      await second.endAsync();
      await publisher.endAsync();
      await Promise.all([a.persistence.settled(), b.persistence.settled()]);
      const left = await denoKvStore(kv).directory.inspect("receiver");
      assert.deepEqual([left?.queuedMessages, left?.attached], [0, false]);
    }
    kv.close();
  },
});
