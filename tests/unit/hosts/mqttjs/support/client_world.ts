/**
 * A session of MQTT.js and its client, as a page makes them, and what becomes of the page.
 *
 * @module
 */
import type { IClientOptions, MqttClient } from "mqtt";
import { type MqttJsEvent, type MqttJsSession, mqttjsSession } from "../../../../../src/hosts/mqttjs.ts";
import type { MqttJsSessionOptions } from "../../../../../src/hosts/mqttjs/options.ts";
import type { SessionStore } from "../../../../../src/store/session_store.ts";
import type { BrokerEnvironment } from "../../../../../src/runtime/environment.ts";
import { mortalStore, mortalTimers } from "../../../../support/mortal.ts";
import { ScriptedServer } from "./scripted_server.ts";

/** One page: a session, its client, and what they told. */
export interface Page extends AsyncDisposable {
  readonly session: MqttJsSession;
  readonly client: MqttClient;
  readonly server: ScriptedServer;
  readonly events: MqttJsEvent[];
  readonly messages: string[];
  /** Ends with the first event `connect`. */
  readonly connected: Promise<unknown>;
  /** The page is gone without a word: nothing reaches the store any more. */
  crash(): void;
}

/** How a page keeps its session, and whose clock it looks at. */
export interface PageOptions extends Omit<Partial<MqttJsSessionOptions>, "environment"> {
  readonly environment?: Partial<BrokerEnvironment>;
}

/** Opens a page over a store. */
export async function openPage(
  store: SessionStore,
  options: PageOptions = {},
  own: IClientOptions = {},
): Promise<Page> {
  const events: MqttJsEvent[] = [];
  const mortal = mortalStore(store);
  const timers = mortalTimers();
  const session = await mqttjsSession(mortal.store, {
    clientId: "page",
    observe: (event) => events.push(event),
    ...options,
    environment: { ...timers.environment, ...options.environment },
  });
  const server = new ScriptedServer(options.protocolVersion ?? 5);
  const client = server.client(session.options(own));
  session.attach(client);
  const messages: string[] = [];
  client.on("message", (topic) => messages.push(topic));
  client.on("error", () => {});
  const connected = new Promise((resolve) => client.once("connect", resolve));
  let crashed = false;
  return {
    session,
    client,
    server,
    events,
    messages,
    connected,
    crash() {
      crashed = true;
      mortal.kill();
      timers.kill();
      client.end(true);
    },
    async [Symbol.asyncDispose]() {
      if (!crashed) await session.close();
      if (!client.disconnected) client.end(true);
    },
  };
}
