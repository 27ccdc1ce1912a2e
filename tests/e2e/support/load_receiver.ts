import assert from "node:assert/strict";
import type { MqttClient } from "mqtt";
import { type LoadMessage, payloadOf } from "./load.ts";

/** Counts what an MQTT.js client receives of a load, and compares it with what was sent. */
export class LoadReceiver {
  readonly #load: readonly LoadMessage[];
  readonly #times: number[];
  /** The places of first arrivals, each level apart, in the order in which the application got them. */
  readonly #firsts: Record<1 | 2, number[]> = { 1: [], 2: [] };
  /** The same of both levels together, in the order in which PUBLISH packets came. */
  readonly #sent: number[] = [];
  readonly #seen = new Set<number>();
  #complete: () => void = () => {};
  /** Ends when the last message has come: then all others have, or never will. */
  readonly complete: Promise<void>;

  constructor(load: readonly LoadMessage[]) {
    this.#load = load;
    this.#times = load.map(() => 0);
    this.complete = new Promise((resolve) => this.#complete = resolve);
  }

  /** Listens to a client. */
  listen(client: MqttClient): void {
    client.on("packetreceive", (packet) => {
      if (packet.cmd !== "publish") return;
      const { index } = this.#find(packet.topic);
      if (this.#seen.has(index)) return;
      this.#seen.add(index);
      this.#sent.push(index);
    });
    client.on("message", (topic, payload) => {
      const message = this.#find(topic);
      assert.ok(payload.equals(payloadOf(message)), `the payload of ${topic}`);
      const times = (this.#times[message.index] ?? 0) + 1;
      this.#times[message.index] = times;
      if (times === 1) this.#firsts[message.qos].push(message.index);
      if (message.index === this.#load.length - 1) this.#complete();
    });
  }

  /** Fails unless each QoS 1 message came, each QoS 2 message came once, or at least once, and all of them in order. */
  check({ qos2 = "once" }: { readonly qos2?: "once" | "at least once" } = {}): void {
    const lost = this.#load.filter(({ index }) => this.#times[index] === 0);
    assert.deepEqual(lost.map(({ topic }) => topic), []);
    const twice = this.#load.filter(({ index, qos }) => qos === 2 && this.#times[index] !== 1);
    if (qos2 === "once") assert.deepEqual(twice.map(({ topic, index }) => `${topic}: ${this.#times[index]} times`), []);
    for (const order of [this.#firsts[1], this.#firsts[2], this.#sent]) {
      const wrong = order.findIndex((index, place) => place > 0 && index < (order[place - 1] as number));
      assert.equal(wrong, -1, `out of order around ${order.slice(Math.max(0, wrong - 3), wrong + 3).join()}`);
    }
  }

  #find(topic: string): LoadMessage {
    const message = this.#load[Number(topic.split("/").at(-1))];
    assert.equal(message?.topic, topic);
    return message as LoadMessage;
  }
}
