import { sessionBroker, type SessionStore } from "@edge-mqtt/session";
import { check, checkSame } from "./check.ts";
import { connectByHand } from "./wire.ts";

/** A session that one broker leaves in the store, with a message that another stores for it, is resumed by a third. */
export async function resumesOver(open: () => SessionStore): Promise<void> {
  const clientId = `meter-${crypto.randomUUID()}`;
  const topic = `rooms/${clientId}`;
  const first = sessionBroker({ store: open() });
  const before = await connectByHand(first, { clientId }, {
    type: "subscribe",
    packetId: 1,
    subscriptions: [{ filter: topic, qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  });
  await before.until(2);
  checkSame(before.received.map(({ type }) => type), ["connack", "suback"], "the answers to the first connection");
  before.connection.closed("transport");
  await before.connection.done;
  await first.shutdown();

  const second = sessionBroker({ store: open() });
  await second.publish({ topic, payload: new TextEncoder().encode("21.5"), qos: 2 });
  await second.shutdown();

  const third = sessionBroker({ store: open() });
  const after = await connectByHand(third, { clientId });
  await after.until(2);
  const [connack, publish] = after.received;
  check(connack?.type === "connack" && connack.sessionPresent, "the session goes on");
  check(publish?.type === "publish" && publish.qos === 2, "what was published meanwhile comes");
  checkSame([publish.topic, new TextDecoder().decode(publish.payload)], [topic, "21.5"], "the message");
  await after.connection.receive([{ type: "pubrec", packetId: publish.packetId ?? 0, reasonCode: 0 }]);
  await after.until(3);
  await after.connection.receive([{ type: "pubcomp", packetId: publish.packetId ?? 0, reasonCode: 0 }]);
  await third.settled();
  const summary = await third.inspect(clientId);
  checkSame(summary?.queuedMessages, 0, "what is left to be sent");
  await third.end(clientId);
  await third.shutdown();
}
