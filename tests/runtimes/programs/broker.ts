import { sessionBroker } from "@edge-mqtt/session";
import { memoryRetained, memoryStore } from "@edge-mqtt/session/memory";
import { checkSame } from "./support/check.ts";
import { connectByHand } from "./support/wire.ts";

/** A QoS 2 message goes through, a Will comes, and a retained message meets a new subscriber. */
export async function run(): Promise<void> {
  const broker = sessionBroker({ store: memoryStore(), retained: memoryRetained() });
  await broker.publish({ topic: "room/lamp", payload: new TextEncoder().encode("on"), retain: true });
  const subscriber = await connectByHand(broker, { clientId: "subscriber" }, {
    type: "subscribe",
    packetId: 1,
    subscriptions: [{ filter: "room/#", qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  });
  await subscriber.until(3);
  const will = { topic: "room/gone", payload: new Uint8Array(), qos: 0, retain: false, properties: {} } as const;
  const publisher = await connectByHand(
    broker,
    { clientId: "publisher", will: { ...will, willDelayInterval: 0 } },
    {
      type: "publish",
      topic: "room/heat",
      payload: new Uint8Array([1]),
      qos: 2,
      retain: false,
      dup: false,
      packetId: 7,
      properties: {},
    },
    { type: "pubrel", packetId: 7, reasonCode: 0 },
  );
  await publisher.until(3);
  checkSame(publisher.received.map(({ type }) => type), ["connack", "pubrec", "pubcomp"], "the publisher's answers");
  await subscriber.until(4);
  publisher.connection.closed("transport");
  await subscriber.until(5);
  const came = subscriber.received.flatMap((packet) => packet.type === "publish" ? [packet.topic] : []);
  checkSame(came, ["room/lamp", "room/heat", "room/gone"], "what the subscriber got");
  await broker.shutdown();
}
