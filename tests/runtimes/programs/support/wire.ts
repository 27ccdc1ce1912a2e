/**
 * Connections without a network: packets go from one end to the other as they are.
 *
 * @module
 */
import type { BrokerConnection, ClientPacket, ConnectPacket, ServerPacket, SessionBroker } from "@edge-mqtt/session";
import type { SessionClient } from "@edge-mqtt/session/client";

/** A client that is played by hand. */
export interface HandClient {
  readonly connection: BrokerConnection;
  /** What came, oldest first. */
  readonly received: readonly ServerPacket[];
  /** Ends once the broker has sent so many packets in all. */
  until(packets: number): Promise<void>;
}

/** Connects a client whose session lasts an hour. */
export async function connectByHand(
  broker: SessionBroker,
  connect: Pick<ConnectPacket, "clientId"> & Partial<ConnectPacket>,
  ...more: readonly ClientPacket[]
): Promise<HandClient> {
  const received: ServerPacket[] = [];
  const waiting: { readonly packets: number; readonly resolve: () => void }[] = [];
  const connection = broker.accept({
    send: (packet) => {
      received.push(packet);
      for (const { packets, resolve } of waiting) if (received.length >= packets) resolve();
    },
    close: () => {},
  });
  const until = (packets: number): Promise<void> =>
    received.length >= packets ? Promise.resolve() : new Promise((resolve) => waiting.push({ packets, resolve }));
  await connection.receive([
    { type: "connect", protocolVersion: 5, cleanStart: false, keepAlive: 0, sessionExpiryInterval: 3_600, ...connect },
    ...more,
  ]);
  return { connection, received, until };
}

/** Lets a client connect to a broker. */
export function connectClient(client: SessionClient, broker: SessionBroker): void {
  const server = broker.accept({
    // Each end acts in its own turn.
    send: (packet) => queueMicrotask(() => void connection.receive([packet])),
    close: () => queueMicrotask(() => connection.closed()),
  });
  const connection = client.connect({
    send: (packet) => queueMicrotask(() => void server.receive([packet])),
    close: () => queueMicrotask(() => server.closed()),
  });
}
