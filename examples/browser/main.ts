/**
 * `deno task start`: the example broker, and a page that draws the sessions on both of its sides.
 *
 * The page and `/mqtt` are served here; the broker's node is a child process, so that the page can kill and start it.
 * It takes the options of `examples/broker`. Who listens anywhere but on the loopback interface, and wants to look into
 * sessions, sets `EDGE_MQTT_TOKEN` to something that the page then asks for.
 *
 * @module
 */
import { defaultDataFile } from "../broker/data_file.ts";
import { readCommandLine, type Settings } from "../broker/options.ts";
import { openStore } from "../broker/store.ts";
import { pageAssets } from "./assets.ts";
import { BrokerNode } from "./broker_node.ts";
import type { Door } from "./guard.ts";
import { answer, type Parts } from "./serve.ts";

const command = readCommandLine(Deno.args, defaultDataFile);
if ("run" in command) {
  await run(command.run).catch((error) => {
    console.error(`Cannot serve the page: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  });
} else {
  (command.exitCode === 0 ? console.log : console.error)(command.say.trimEnd());
  Deno.exit(command.exitCode);
}

async function run(settings: Settings): Promise<void> {
  // The node is reached through here alone; what stands last counts.
  const node = new BrokerNode([...Deno.args, "--host", "127.0.0.1", "--port", "0"], (line) => console.log(line));
  const started = node.start();
  // Heard below, where it is awaited: a bundle that fails first must not leave it unheard.
  started.catch(() => {});
  const assets = await pageAssets();
  await started;
  const opened = settings.store === "memory" ? undefined : await openStore(settings);
  const token = Deno.env.get("EDGE_MQTT_TOKEN") ?? "";
  const door: Door = { host: settings.host, ...(token === "" ? {} : { token }) };
  const parts: Parts = { door, node, assets, ...(opened === undefined ? {} : { store: opened.store }) };
  const server = Deno.serve({
    hostname: settings.host,
    port: settings.port,
    onListen: ({ hostname, port }) => {
      const host = hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
      console.log(`listening on ws://${host}/mqtt`);
      console.log(`page at http://${host}/`);
    },
  }, (request) => answer(request, parts));

  await stopAsked();
  await node.stop();
  // Its sockets have closed with the node; a page that still asks is not waited for.
  await Promise.race([server.shutdown(), new Promise((resolve) => setTimeout(resolve, 2_000))]);
  opened?.close();
  Deno.exit(0);
}

function stopAsked(): Promise<void> {
  const signals: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
  return new Promise((resolve) => {
    for (const signal of signals) Deno.addSignalListener(signal, () => resolve());
  });
}
