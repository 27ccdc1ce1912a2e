/**
 * The README's recipes: each is a file of `examples` as it stands there, and serves MQTT.js.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import mqtt, { type IClientOptions } from "mqtt";
import type { IConnackPacket } from "mqtt-packet";
import { PROJECT_ROOT } from "../../support/deno.ts";

/** Fails unless the README shows a file of the project as it is, in a block of this kind. */
export async function standsInReadme(path: string, kind: string): Promise<void> {
  const [readme, code] = await Promise.all(
    ["README.md", path].map((file) => readFile(new URL(file, PROJECT_ROOT), "utf8")),
  );
  assert.ok(readme?.includes(`\`\`\`${kind}\n${code}\`\`\`\n`), `the README does not show ${path} as it is`);
}

const METER: IClientOptions = {
  clientId: "meter-7",
  protocolVersion: 5,
  clean: false,
  resubscribe: false,
  reconnectPeriod: 0,
  properties: { sessionExpiryInterval: 3_600 },
};

/** A session that is begun at one address goes on at another, with what was published meanwhile. */
export async function goesOn(before: string, restart: () => Promise<string>): Promise<void> {
  const first = mqtt.connect(before, METER);
  await first.subscribeAsync("rooms/#", { qos: 2 });
  await first.endAsync(true);
  const url = await restart();
  const publisher = mqtt.connect(url, { clientId: "publisher", protocolVersion: 5, reconnectPeriod: 0 });
  await publisher.publishAsync("rooms/1", "21.5", { qos: 2 });
  await publisher.endAsync();
  const second = mqtt.connect(url, METER);
  const connack = new Promise<IConnackPacket>((resolve) => second.once("connect", resolve));
  const message = new Promise<string>((resolve) =>
    second.once("message", (topic, payload) => resolve(`${topic}: ${payload}`))
  );
  assert.equal((await connack).sessionPresent, true);
  assert.equal(await message, "rooms/1: 21.5");
  await second.endAsync();
}
