/**
 * A broker that is asked to stop.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { DataKind } from "../support/broker_process.ts";
import { keptFor, type Version, WireClient } from "../support/wire_client.ts";

/** Tests it over one kind of store. */
export function shutdown({ name: store, make }: DataKind): void {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.test({
      name: `${store}: on ${signal} a broker says 0x8B to 5.0 clients, keeps all sessions, and ends with 0`,
      // Windows cannot send a signal that a process could hear.
      ignore: Deno.build.os === "windows",
      fn: async () => {
        await using data = await make();
        const versions: readonly Version[] = [4, 5];
        {
          await using broker = await data.start();
          const clients: WireClient[] = [];
          for (const version of versions) {
            const options = { clientId: `client-${version}`, ...keptFor(version, 3_600) };
            const { client } = await WireClient.connect(broker.url, version, options);
            client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "news", qos: 1 }] });
            await client.expect("suback");
            clients.push(client);
          }
          const { client: publisher } = await WireClient.connect(broker.url, 4, { clientId: "publisher", clean: true });
          publisher.send({
            cmd: "publish",
            topic: "news",
            qos: 1,
            messageId: 1,
            dup: false,
            retain: false,
            payload: "kept",
          });
          await publisher.expect("puback");

          assert.equal(await broker.stop(signal), 0);
          for (const client of clients) {
            assert.equal((await client.expect("publish")).payload.toString(), "kept");
            if (client.version === 5) assert.equal((await client.expect("disconnect")).reasonCode, 0x8b);
            await client.expect("closed");
          }
          await publisher.expect("closed");
          assert.match(broker.output, new RegExp(`^stopping on ${signal}: 3 connections$`, "m"));
        }
        await using broker = await data.start();
        for (const version of versions) {
          const options = { clientId: `client-${version}`, ...keptFor(version, 3_600) };
          const { client, connack } = await WireClient.connect(broker.url, version, options);
          assert.equal(connack.sessionPresent, true);
          const again = await client.expect("publish");
          assert.equal(again.payload.toString(), "kept");
          assert.equal(again.dup, true);
          await client.disconnect();
        }
      },
    });
  }
}
