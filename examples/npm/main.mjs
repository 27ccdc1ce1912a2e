import { Buffer } from "node:buffer";
import { createServer } from "node:net";
import process from "node:process";
import { REASON, sessionBroker } from "@edge-mqtt/session";
import { fromMqttPacket, reasonCodeOfParserError, toMqttPacket } from "@edge-mqtt/session/mqtt-packet";
import { upstashRedisStore } from "@edge-mqtt/session/upstash-redis";
import mqttPacket from "mqtt-packet";

const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token, PORT = "1883" } = process.env;
const broker = sessionBroker({ store: upstashRedisStore({ url, token }) });
broker.start();

const MAX_BYTES = 1_113_784; // of a packet, before the library sees it
const asBuffer = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const server = createServer(async (socket) => {
  let version = 4;
  const encode = (packet) => mqttPacket.generate(toMqttPacket(packet, version, asBuffer), { protocolVersion: version });
  const connection = broker.accept({
    send: (packet) => socket.write(encode(packet)),
    close: () => socket.destroySoon(),
    bufferedBytes: () => socket.writableLength,
  });
  const packets = [];
  let waiting = 0; // bytes of a packet that is not complete
  let fault;
  const parser = mqttPacket.parser({ protocolVersion: version });
  parser.on("error", (error) => fault ??= reasonCodeOfParserError(error));
  parser.on("packet", (parsed) => {
    waiting = 0;
    const taken = fromMqttPacket(parsed);
    if (!taken.ok) fault ??= taken.reasonCode;
    else if (fault === undefined) packets.push(taken.packet);
    if (taken.ok && taken.packet.type === "connect") version = taken.packet.protocolVersion === 5 ? 5 : 4;
  });
  try {
    for await (const chunk of socket) { // reads no more while the broker is busy
      if (fault !== undefined) continue;
      waiting += chunk.length;
      parser.parse(chunk);
      if (waiting > MAX_BYTES) fault ??= REASON.packetTooLarge;
      await connection.receive(packets.splice(0));
      if (fault !== undefined) connection.malformed(fault); // closes after its last words
    }
  } catch { /* the transport is gone */ }
  connection.closed("transport");
});
server.listen(Number(PORT), () => console.log(`listening on ${server.address().port}`));
process.once("SIGTERM", () => broker.shutdown().then(() => process.exit(0)));
