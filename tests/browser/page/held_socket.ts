/**
 * A page's WebSocket on which a test holds some packets back, so that exchanges stand still for as long as they are
 * looked at.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { generate, type Packet, parser } from "mqtt-packet";
import type { Page } from "playwright-core";

/** Which packets do not come through. */
export interface Held {
  readonly fromPage: (packet: Packet) => boolean;
  readonly fromBroker: (packet: Packet) => boolean;
}

/** Routes the MQTT connections that a page opens from now on. */
export async function holdPackets(page: Page, held: Held): Promise<void> {
  await page.routeWebSocket(/\/mqtt$/, (socket) => {
    const broker = socket.connectToServer();
    socket.onMessage(relay(held.fromPage, (bytes) => broker.send(bytes)));
    broker.onMessage(relay(held.fromBroker, (bytes) => socket.send(bytes)));
  });
}

function relay(isHeld: (packet: Packet) => boolean, send: (bytes: Buffer) => void): (frame: string | Buffer) => void {
  const incoming = parser({ protocolVersion: 5 });
  incoming.on("packet", (packet) => {
    if (!isHeld(packet)) send(generate(packet, { protocolVersion: 5 }));
  });
  return (frame) => incoming.parse(Buffer.from(frame));
}
