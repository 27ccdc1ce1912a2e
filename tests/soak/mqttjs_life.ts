/**
 * MQTT.js as its users run it, over a network that breaks.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type IClientOptions, MqttClient } from "mqtt";
import type { Version } from "../e2e/support/wire_client.ts";
import type { Chance } from "./chance.ts";
import { type Life, MOST_PAUSE_MS, MOST_SILENCE_MS, type Surroundings } from "./life.ts";
import { Manners } from "./manners.ts";
import { MqttjsStream } from "./mqttjs_stream.ts";
import { pauseExactly, unlessAborted } from "./tempo.ts";
import { Traffic } from "./traffic.ts";
import { type Watched, WatchedLink } from "./watched_link.ts";

const LONG_SECONDS = 600;

/** What a client does next, and how often. */
const ACTS = { publish: 60, subscribe: 6, unsubscribe: 3, cut: 6, abandon: 2, pause: 3 } as const;

/**
 * The client. It keeps one session, and publishes only when all of the last connection has been repeated: what is
 * published before, MQTT.js loses at the next break by itself.
 */
export class MqttjsLife implements Life {
  readonly clientId: string;
  readonly #version: Version;
  readonly #around: Surroundings;
  readonly #chance: Chance;
  readonly #traffic: Traffic;
  readonly #watched: Watched;
  readonly #filters = new Set<string>();
  readonly #links = new Set<WatchedLink>();
  readonly #over = new AbortController();
  readonly #options: IClientOptions;
  readonly #client: MqttClient;
  #link: WatchedLink | undefined;
  /** How long the next connection has to wait. */
  #absenceMs = 0;
  /** Whether MQTT.js says that it is connected, and has repeated what it had. */
  #ready = false;
  #connected = Promise.withResolvers<void>();
  #lost = Promise.withResolvers<void>();

  constructor(clientId: string, version: Version, around: Surroundings, chance: Chance) {
    this.clientId = clientId;
    this.#version = version;
    this.#around = around;
    this.#chance = chance;
    this.#traffic = new Traffic(around.root, clientId, chance.fork());
    this.#watched = { clientId, version, journal: around.journal, manners: new Manners() };
    this.#options = {
      clientId,
      protocolId: "MQTT",
      protocolVersion: version,
      clean: false,
      keepalive: 10,
      resubscribe: false,
      reconnectPeriod: 50,
      // Otherwise a refusal, be it "Server unavailable", is the end.
      reconnectOnConnackError: true,
      connectTimeout: 20_000,
      ...(version === 4 ? {} : { properties: { sessionExpiryInterval: LONG_SECONDS } }),
    };
    // Its types want the stream of a package that does what the one of Node does.
    this.#client = new MqttClient(() => this.#stream() as never, this.#options);
    this.#client.on("connect", () => {
      this.#ready = true;
      this.#connected.resolve();
      this.#lost = Promise.withResolvers();
    });
    this.#client.on("close", () => {
      // Each attempt that fails closes something as well.
      if (!this.#ready) return;
      this.#ready = false;
      this.#lost.resolve();
      this.#connected = Promise.withResolvers();
    });
    this.#client.on("error", (error) => around.journal.note(`${clientId}: MQTT.js says ${error}`));
  }

  get outstanding(): string | undefined {
    if (!this.#ready) return `${this.clientId} is not connected, or MQTT.js has not repeated all that it had`;
    const open = this.#watched.manners.open;
    return open === 0 ? undefined : `${this.clientId} has ${open} exchanges open`;
  }

  async run(rounds: number, signal: AbortSignal): Promise<void> {
    for (let round = 0; round < rounds && !signal.aborted; round++) {
      if (!this.#ready) await unlessAborted(this.#connected.promise, signal);
      if (this.#ready) await this.#act(signal);
      await this.#around.tempo.pause(this.#chance.between(50, 900), signal);
    }
  }

  async stay(signal: AbortSignal): Promise<void> {
    this.#absenceMs = 0;
    await unlessAborted(new Promise(() => {}), signal);
  }

  async dispose(): Promise<void> {
    this.#over.abort();
    await new Promise<void>((resolve) => this.#client.end(true, () => resolve()));
    for (const link of this.#links) link.dispose();
  }

  async #act(signal: AbortSignal): Promise<void> {
    const chance = this.#chance;
    const { tempo } = this.#around;
    switch (this.#filters.size === 0 && chance.happens(0.5) ? "subscribe" : chance.weighed(ACTS)) {
      case "publish": {
        const drafts = Array.from({ length: chance.whole(1, 3) }, () => this.#traffic.message());
        return await this.#unlessLost(Promise.all(drafts.map((draft) => this.#publish(draft))), signal);
      }
      case "subscribe": {
        const { topic, qos, nl = false, rap = false } = this.#traffic.subscription();
        this.#filters.add(topic);
        const options = this.#version === 4 ? { qos } : { qos, nl, rap };
        return await this.#unlessLost(this.#client.subscribeAsync(topic, options), signal);
      }
      case "unsubscribe": {
        const [filter] = [...this.#filters].sort(() => chance.between(-1, 1));
        if (filter === undefined) return;
        this.#filters.delete(filter);
        return await this.#unlessLost(this.#client.unsubscribeAsync(filter), signal);
      }
      case "cut":
        this.#drawAbsence();
        return this.#link?.cut();
      case "abandon":
        this.#drawAbsence();
        return this.#link?.abandon(tempo.length(chance.between(500, MOST_SILENCE_MS)));
      case "pause": {
        const link = this.#link;
        link?.pause();
        await tempo.pause(chance.between(200, MOST_PAUSE_MS), signal);
        return link?.resume();
      }
    }
  }

  #publish({ topic, text, qos, expiry }: ReturnType<Traffic["message"]>): Promise<unknown> {
    const properties = expiry === undefined || this.#version === 4 ? {} : {
      properties: { messageExpiryInterval: expiry },
    };
    return this.#client.publishAsync(topic, text, { qos, ...properties });
  }

  #drawAbsence(): void {
    const chance = this.#chance;
    this.#absenceMs = chance.happens(0.4) ? 0 : this.#around.tempo.length(chance.between(100, 8_000));
  }

  /** Asked by MQTT.js for each connection, just before it says CONNECT. */
  #stream(): MqttjsStream {
    this.#drawWill();
    return new MqttjsStream({ open: (stream) => this.#open(stream) });
  }

  async #open(stream: MqttjsStream): Promise<WatchedLink | undefined> {
    await pauseExactly(this.#absenceMs, this.#over.signal);
    this.#absenceMs = 0;
    const url = this.#over.signal.aborted ? undefined : this.#around.url(this.#chance);
    if (url === undefined) return undefined;
    const link = await WatchedLink.open(url, this.#watched, {
      bytes: (bytes) => stream.got(bytes),
      ended: () => stream.lost(),
    });
    if (link === undefined) return undefined;
    this.#links.add(link);
    link.closed.then(() => this.#links.delete(link));
    return this.#link = link;
  }

  #drawWill(): void {
    const { topic, text, qos } = this.#traffic.will();
    delete this.#options.will;
    if (this.#chance.happens(0.5)) this.#options.will = { topic, payload: Buffer.from(text), qos, retain: false };
  }

  /** Ends with the outcome, or when the connection is lost: then MQTT.js goes on with it by itself. */
  #unlessLost(outcome: Promise<unknown>, signal: AbortSignal): Promise<void> {
    return unlessAborted(Promise.race([outcome.catch(() => {}), this.#lost.promise]), signal);
  }
}
