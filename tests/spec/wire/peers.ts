/**
 * Brokers that a machine can start: this library's example, and its peers.
 *
 * @module
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runDeno } from "../../support/deno.ts";
import { freePort } from "../../support/free_port.ts";

/** How a broker is started, and where it is then. */
export interface PeerBroker {
  readonly url: string;
  /** A command of the shell. */
  readonly start: string;
}

/** The example broker, on a store of its own in this folder. */
export function ourBroker(store: "memory" | "deno-kv", folder: string): PeerBroker {
  const port = freePort();
  const data = `--data '${join(folder, "sessions.db")}'`;
  // Wills of what died with the broker come at the end of its lease.
  const settings = `--port ${port} --store ${store} --lease-ms 2000`;
  const program = `'${Deno.execPath()}' run -A --no-check --quiet examples/broker/main.ts`;
  return { url: `ws://127.0.0.1:${port}/mqtt`, start: `exec ${program} ${settings} ${store === "memory" ? "" : data}` };
}

/** Mosquitto, told to save all that it can as soon as it can. */
export async function mosquitto(folder: string): Promise<PeerBroker> {
  const port = freePort();
  const file = join(folder, "mosquitto.conf");
  const settings = [
    "allow_anonymous true",
    "persistence true",
    `persistence_location ${folder}/`,
    "autosave_interval 1",
    "autosave_on_changes true",
    // Started by root it would become another user, who cannot write here.
    `user ${Deno.uid() === 0 ? "root" : "mosquitto"}`,
    "log_dest none",
    `listener ${port} 127.0.0.1`,
  ];
  await writeFile(file, settings.join("\n"));
  return { url: `mqtt://127.0.0.1:${port}`, start: `exec mosquitto -c '${file}'` };
}

/** aedes in Node; with the port of a Redis its sessions are there, otherwise in its memory. */
export async function aedes(folder: string, redisPort?: number): Promise<PeerBroker> {
  const port = freePort();
  const file = join(folder, "aedes.mjs");
  const source = "tests/spec/wire/peers/aedes_program.ts";
  const { success, output } = await runDeno(["bundle", "--quiet", "--platform", "deno", "-o", file, source]);
  if (!success) throw new Error(`Cannot bundle ${source}: ${output}`);
  return { url: `mqtt://127.0.0.1:${port}`, start: `exec node '${file}' ${port} ${redisPort ?? ""}` };
}
