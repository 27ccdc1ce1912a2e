/**
 * `deno task start`: an MQTT broker over WebSocket whose sessions live in Deno KV or Upstash Redis. WebSocket, codec and wiring are here,
 * everything that MQTT says about sessions is in the library.
 *
 * It lets everybody in who can reach it, which by default is whoever uses this machine, web pages in its browsers
 * included. Give `sessionBroker` an `authenticate` and an `authorize` before it listens anywhere else.
 *
 * @module
 */
import { type BrokerEvent, sessionBroker } from "@edge-mqtt/session";
import { flightRecorder } from "@edge-mqtt/session/recorder";
import { shiftedEnvironment } from "./clock.ts";
import { defaultDataFile } from "./data_file.ts";
import { readCommandLine, type Settings } from "./options.ts";
import { MqttOverWebSocket } from "./serve.ts";
import { openStore } from "./store.ts";

/** How long the sockets may take to close when the broker stops. */
const CLOSING_MS = 2_000;

const command = readCommandLine(Deno.args, defaultDataFile);
if ("run" in command) {
  await run(command.run).catch((error) => {
    console.error(`Cannot run the broker: ${reasonOf(error)}`);
    Deno.exit(1);
  });
} else {
  (command.exitCode === 0 ? console.log : console.error)(command.say.trimEnd());
  Deno.exit(command.exitCode);
}

async function run(settings: Settings): Promise<void> {
  const { store, retained, place, close } = await openStore(settings);
  const broker = sessionBroker({
    store,
    ...(settings.maxRetained === 0 ? {} : { retained, retainedLimits: { maximumMessages: settings.maxRetained } }),
    nodeId: settings.node,
    environment: shiftedEnvironment(settings.clockOffsetMs),
    limits: {
      maximumPacketSize: settings.maxPacketBytes,
      maximumSessionExpiryInterval: settings.sessionExpiryMax,
      sharedSubscriptionAvailable: settings.shared,
    },
    queue: { maximumMessages: settings.maxQueuedMessages, maximumBytes: settings.maxQueuedBytes },
    queueRules: settings.queueRules,
    lease: {
      durationMs: settings.leaseMs,
      renewEveryMs: settings.leaseMs / 4,
      closeAfterMs: settings.leaseMs * 3 / 4,
      graceMs: settings.leaseMs / 4,
    },
    bounds: { stallTimeoutMs: settings.stallMs },
    doorbellPollMs: settings.pollMs,
    // Another broker that dies is noticed by its lease.
    duePollMs: settings.leaseMs / 2,
    observe: report,
    ...(settings.record === undefined ? {} : { record: flightRecorder(lineWriter(settings.record)) }),
  });
  broker.start();
  const sockets = new MqttOverWebSocket(broker, settings);
  const server = Deno.serve({
    hostname: settings.host,
    port: settings.port,
    onListen: ({ hostname, port }) => console.log(`listening on ws://${hostWithBrackets(hostname)}:${port}/mqtt`),
  }, (request) => sockets.handle(request));
  console.log(`storing in ${place}`);

  const signal = await firstSignal();
  console.log(`stopping on ${signal}: ${sockets.size} connections`);
  // The server comes last: its shutdown breaks off whatever WebSocket is open.
  await broker.shutdown();
  await Promise.race([sockets.closed().then(() => server.shutdown()), after(CLOSING_MS)]);
  close();
  Deno.exit(0);
}

/** Adds lines to a file, each before the next step is taken: a recording is for the moments before a fault. */
function lineWriter(path: string): (line: string) => void {
  const file = Deno.openSync(path, { create: true, append: true, mode: 0o600 });
  const encoder = new TextEncoder();
  return (line) => {
    const bytes = encoder.encode(`${line}\n`);
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
  };
}

/** What an operator has to know. Never a payload, a password or a topic. */
function report(event: BrokerEvent): void {
  switch (event.type) {
    case "workFailed":
      return console.error(`${event.work} failed: ${reasonOf(event.error)}`);
    case "commitFailed":
      return console.error(`commit failed, attempt ${event.attempt}: ${reasonOf(event.error)}`);
    case "leaseLost":
      return console.error(`${event.nodeId} could not renew its lease and has closed its connections`);
    default:
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message} (${reasonOf(error.cause)})`;
}

/** The first request to stop. A second one stops at once. */
function firstSignal(): Promise<Deno.Signal> {
  const signals: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of signals) {
      Deno.addSignalListener(signal, () => {
        if (asked) Deno.exit(1);
        asked = true;
        resolve(signal);
      });
    }
  });
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function hostWithBrackets(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
