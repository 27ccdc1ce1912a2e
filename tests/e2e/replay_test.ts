import assert from "node:assert/strict";
import { runDeno } from "../support/deno.ts";
import { replayReport } from "../support/replay.ts";
import { DataFolder } from "./support/broker_process.ts";
import { mqttClient, nextConnack } from "./support/mqttjs_client.ts";
import { unlessStuck } from "./support/unless_stuck.ts";
import type { Version } from "./support/wire_client.ts";

const MESSAGES = 20;

Deno.test("what the broker recorded under MQTT.js, killed in between, is played again as it was, and a tampered line found", async () => {
  await using folder = await DataFolder.make();
  const file = `${folder.path}/flight.ndjson`;
  // A dead owner's sessions are taken over by whoever connects.
  const start = () => folder.start("--record", file);
  let broker = await start();
  const address = { url: broker.url };
  try {
    for (const version of [4, 5] satisfies Version[]) {
      const receiver = mqttClient(address, version, { clientId: `receiver-${version}` });
      const sender = mqttClient(address, version, { clientId: "sender", username: "u", password: "correct horse" });
      try {
        await Promise.all([receiver, sender].map(nextConnack));
        await receiver.subscribeAsync("exchange/#", { qos: 2 });
        const got: string[] = [];
        const last = new Promise<void>((resolve) => {
          receiver.on("message", (topic) => {
            got.push(topic);
            if (topic === "exchange/last") resolve();
          });
        });
        for (let n = 0; n < MESSAGES; n++) {
          await sender.publishAsync(`exchange/${n}`, `payload ${n}`, { qos: ([0, 1, 2] as const)[n % 3] ?? 0 });
        }
        await broker.kill();
        broker = await start();
        address.url = broker.url;
        await sender.publishAsync("exchange/last", "payload", { qos: 1 });
        await unlessStuck("receiving", last);
      } finally {
        await Promise.all([receiver, sender].map((client) => client.endAsync()));
      }
    }
    assert.equal(await broker.stop(), 0);
  } finally {
    await broker[Symbol.asyncDispose]();
  }

  const recording = await Deno.readTextFile(file);
  const { text, isSame } = replayReport(recording);
  assert.ok(isSame, text);
  for (
    const shown of ["by S2", "awaitPuback", "awaitPubrec", "awaitPubcomp", "sendPacket CONNACK", "store: committed"]
  ) {
    assert.ok(text.includes(shown), `${shown} is not in\n${text}`);
  }
  assert.match(text, /by S[36]/);
  for (const secret of ["correct horse", btoa("correct horse"), btoa("payload 1")]) {
    assert.ok(!recording.includes(secret));
  }

  const tampered = recording.replace(
    '"type":"connack","sessionPresent":false',
    '"type":"connack","sessionPresent":true',
  );
  await Deno.writeTextFile(file, tampered);
  const { success, output } = await runDeno(["run", "--allow-read", "tests/support/replay.ts", file, "--differences"]);
  assert.equal(success, false);
  assert.match(output, /DIFFERS at effects\[0\]\.packet\.sessionPresent: recorded true, computed false/);
});
