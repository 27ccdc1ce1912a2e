/** A client and a broker in one process, with a network that can be cut. */
import { sessionBroker } from "../../../../mod.ts";
import type { BrokerOptions, SessionBroker } from "../../../../mod.ts";
import { sessionClient } from "../../../../src/runtime/client/mod.ts";
import type {
  ClientConnection,
  ClientConnectOptions,
  ClientNews,
  ReceivedMessage,
  SessionClient,
  SessionClientOptions,
} from "../../../../src/runtime/client/mod.ts";
import type { ClientPacket, ServerPacket } from "../../../../src/mqtt/packet.ts";
import type { SessionStore } from "../../../../src/store/session_store.ts";
import { memoryStore } from "../../../../src/stores/memory.ts";

/** A link between a client and a broker. */
export interface Link {
  readonly connection: ClientConnection;
  /** What went from the client to the broker, and back, by type. */
  readonly up: ClientPacket[];
  readonly down: ServerPacket[];
  /** Nothing passes any more; both ends hear that the transport is gone. */
  cut(): void;
  /** What comes from the broker is held back until the returned function is called. */
  hold(): () => void;
}

/** A page: a client over a store that outlives it. */
export interface Page {
  readonly client: SessionClient;
  readonly got: ReceivedMessage[];
  readonly news: ClientNews[];
  connect(broker: SessionBroker, options?: ClientConnectOptions): Link;
}

/** Opens a page. */
export function openPage(store: SessionStore = memoryStore(), options: Partial<SessionClientOptions> = {}): Page {
  const got: ReceivedMessage[] = [];
  const news: ClientNews[] = [];
  const client = sessionClient({
    store,
    clientId: "page",
    onMessage: (message) => void got.push(message),
    observe: (each) => news.push(each),
    ...options,
  });
  return { client, got, news, connect: (broker, connect) => link(client, broker, connect) };
}

/** A broker in memory. */
export function openBroker(options: Partial<BrokerOptions> = {}): SessionBroker {
  return sessionBroker({ store: memoryStore(), ...options });
}

function link(client: SessionClient, broker: SessionBroker, options?: ClientConnectOptions): Link {
  const up: ClientPacket[] = [];
  const down: ServerPacket[] = [];
  let isCut = false;
  let held: ServerPacket[] | undefined;
  const pass = (packet: ServerPacket) => {
    down.push(packet);
    void connection.receive([packet]);
  };
  const server = broker.accept({
    send: (packet) => {
      if (isCut) return;
      if (held !== undefined) held.push(packet);
      // Each end acts in its own turn.
      else queueMicrotask(() => isCut || pass(packet));
    },
    close: () => queueMicrotask(() => connection.closed()),
  });
  const connection: ClientConnection = client.connect({
    send: (packet) => {
      if (isCut) return;
      up.push(packet);
      queueMicrotask(() => isCut || server.receive([packet]));
    },
    close: () => queueMicrotask(() => server.closed()),
  }, options);
  return {
    connection,
    up,
    down,
    cut: () => {
      isCut = true;
      connection.closed();
      server.closed();
    },
    hold: () => {
      held = [];
      return () => {
        const packets = held ?? [];
        held = undefined;
        for (const packet of packets) pass(packet);
      };
    },
  };
}

/** Waits until something is so; a test that waits for what never comes hangs, and fails by that. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** The text of a payload. */
export function text({ payload }: { readonly payload: Uint8Array }): string {
  return new TextDecoder().decode(payload);
}
