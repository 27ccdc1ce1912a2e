import { Buffer } from "buffer";
import { fromMqttPacket, toMqttPacket } from "@edge-mqtt/session/mqtt-packet";
import { generate, parser } from "mqtt-packet";
import { checkSame } from "./support/check.ts";

/** A packet goes to bytes and comes back the same. */
export function run(): void {
  const connect = {
    type: "connect",
    protocolVersion: 5,
    clientId: "c1",
    cleanStart: true,
    keepAlive: 60,
    sessionExpiryInterval: 3_600,
  } as const;
  const came: unknown[] = [];
  const incoming = parser({ protocolVersion: 5 });
  incoming.on("packet", (parsed) => {
    const taken = fromMqttPacket(parsed);
    came.push(taken.ok ? taken.packet : taken.reasonCode);
  });
  incoming.parse(generate(toMqttPacket(connect, 5, (bytes) => Buffer.from(bytes)), { protocolVersion: 5 }));
  checkSame(came, [connect], "the packet");
}
