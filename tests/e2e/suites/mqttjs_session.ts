/**
 * A page with a session of MQTT.js that ends without a word at random moments, and a client that stays.
 *
 * @module
 */
import assert from "node:assert/strict";
import mqtt, { type MqttClient } from "mqtt";
import { type LockManagerLike, mqttjsSession } from "../../../src/hosts/mqttjs.ts";
import type { SessionStore } from "../../../src/store/session_store.ts";
import { mortalStore, mortalTimers } from "../../support/mortal.ts";
import { MEMORY } from "../support/broker_process.ts";
import { mqttClient, nextConnack } from "../support/mqttjs_client.ts";
import { printedSeed, randomNumbers } from "../support/random.ts";
import { unlessStuck } from "../support/unless_stuck.ts";
import type { Version } from "../support/wire_client.ts";

/** So many messages at QoS 1, and as many at QoS 2, each way. */
const MESSAGES = 200;
const RELOADS = 24;
/** A page ends after at most so many packets that it has received. */
const PACKETS_PER_PAGE = 80;

/** What has arrived somewhere: topics in the order of their first arrival, and how often each came. */
class Arrivals {
  readonly #times = new Map<string, number>();
  #expected: () => boolean = () => false;
  #complete: () => void = () => {};

  add(topic: string): void {
    this.#times.set(topic, (this.#times.get(topic) ?? 0) + 1);
    if (this.#expected()) this.#complete();
  }

  /** Ends once all of these have arrived. */
  all(topics: ReadonlySet<string>): Promise<void> {
    this.#expected = () => [...topics].every((topic) => this.#times.has(topic));
    return new Promise((resolve) => {
      this.#complete = resolve;
      if (this.#expected()) resolve();
    });
  }

  /** Of one level, in order of their first arrival. */
  topics(qos: 1 | 2): readonly string[] {
    return [...this.#times.keys()].filter((topic) => topic.includes(`/qos${qos}/`));
  }

  /** Those of QoS 2 that came more than once. */
  get repeated(): readonly string[] {
    return this.topics(2).filter((topic) => this.#times.get(topic) !== 1);
  }
}

/** What of the application outlives its page. */
interface Application {
  /** What has been done, with the keys under which it was. */
  readonly arrivals: Arrivals;
  readonly keys: Set<string>;
  /** How many messages of each level have been published. */
  published: number;
  /** Those of which it is known that they are stored. */
  readonly stored: Set<string>;
}

/** Locks that nobody holds, as where a page that has ended was: what keeps it out is the store. */
const ALWAYS_FREE: LockManagerLike = {
  request: (_name, _options, callback) => Promise.resolve(callback({})),
};

/** Lives one page: publishes some messages, and ends after so many received packets, or not at all. */
async function livePage(
  store: SessionStore,
  url: string,
  version: Version,
  application: Application,
  plan: { readonly publish: number; readonly packets: number; readonly isFirst: boolean; readonly ready: () => void },
): Promise<MqttClient> {
  const mortal = mortalStore(store);
  const timers = mortalTimers();
  const session = await mqttjsSession(mortal.store, {
    clientId: "page",
    protocolVersion: version,
    environment: timers.environment,
    locks: ALWAYS_FREE,
  });
  const client = mqtt.connect(url, session.options({ keepalive: 0, reconnectPeriod: 20, resubscribe: false }));
  session.attach(client);
  client.on("message", (topic, payload, packet) => {
    const key = session.messageKey(packet);
    assert.equal(payload.toString(), `payload of ${topic}`);
    assert.equal(key !== undefined, packet.qos === 2);
    if (key !== undefined && application.keys.has(key)) return;
    if (key !== undefined) application.keys.add(key);
    application.arrivals.add(topic);
  });
  let heard = 0;
  const ended = new Promise<void>((resolve) => {
    client.on("packetreceive", () => {
      if (++heard !== plan.packets) return;
      mortal.kill();
      timers.kill();
      client.end(true);
      resolve();
    });
  });
  client.on("connect", ({ sessionPresent }) => assert.equal(sessionPresent, !plan.isFirst));
  if (plan.isFirst) await client.subscribeAsync("to/page/#", { qos: 2 });
  plan.ready();
  const published: string[] = [];
  for (let each = 0; each < plan.publish; each++) {
    const number = application.published++;
    for (const qos of [1, 2] as const) {
      const topic = `to/peer/qos${qos}/${number}`;
      client.publish(topic, `payload of ${topic}`, { qos }, () => {});
      published.push(topic);
    }
  }
  const flushed = session.flush().then(() => {
    for (const topic of published) application.stored.add(topic);
  });
  // A dead page never answers.
  await (plan.packets === Infinity ? flushed : unlessStuck("ending a page", ended));
  return client;
}

function numbersOf(topics: readonly string[]): readonly number[] {
  return topics.map((topic) => Number(topic.split("/")[3]));
}

/** Tests sessions over one kind of store. */
export function mqttjsSessions(store: string, make: () => Promise<{ store: SessionStore } & AsyncDisposable>): void {
  for (const version of [4, 5] satisfies Version[]) {
    const name = `${store}, MQTT ${version === 4 ? "3.1.1" : "5.0"}: a page with MQTT.js that ends at random moments ` +
      "loses no message in either direction, and has none of QoS 2 twice";

    Deno.test(name, async () => {
      const random = randomNumbers(printedSeed(name));
      await using kept = await make();
      await using data = await MEMORY.make();
      await using broker = await data.start();
      const peer = mqttClient(broker, version, { clientId: "peer" });
      const application: Application = {
        arrivals: new Arrivals(),
        keys: new Set(),
        published: 0,
        stored: new Set(),
      };
      let page: MqttClient | undefined;
      try {
        await nextConnack(peer);
        await peer.subscribeAsync("to/peer/#", { qos: 2 });
        const atPeer = new Arrivals();
        peer.on("message", (topic, payload) => {
          assert.equal(payload.toString(), `payload of ${topic}`);
          atPeer.add(topic);
        });
        const toPage = new Set<string>();
        const send = () => {
          for (let number = 0; number < MESSAGES; number++) {
            for (const qos of [1, 2] as const) {
              const topic = `to/page/qos${qos}/${number}`;
              toPage.add(topic);
              peer.publish(topic, `payload of ${topic}`, { qos });
            }
          }
        };
        for (let life = 0; life <= RELOADS; life++) {
          const isLast = life === RELOADS;
          const share = Math.ceil(MESSAGES / (RELOADS + 1));
          page = await livePage(kept.store, broker.url, version, application, {
            publish: Math.min(share, MESSAGES - application.published),
            packets: isLast ? Infinity : 3 + Math.floor(random() * PACKETS_PER_PAGE),
            isFirst: life === 0,
            ready: life === 0 ? send : () => {},
          });
        }
        await unlessStuck("receiving at the page", application.arrivals.all(toPage));
        await unlessStuck("receiving at the peer", atPeer.all(application.stored));
        assert.equal(application.published, MESSAGES);
        for (const [arrivals, least] of [[application.arrivals, MESSAGES], [atPeer, MESSAGES / 2]] as const) {
          assert.deepEqual(arrivals.repeated, []);
          for (const qos of [1, 2] as const) {
            const numbers = numbersOf(arrivals.topics(qos));
            assert.ok(numbers.length >= least, `${numbers.length} of QoS ${qos}`);
            assert.deepEqual(numbers, [...numbers].sort((one, other) => one - other));
          }
        }
      } finally {
        await page?.endAsync(true);
        await peer.endAsync(true);
      }
    });
  }
}
