import { aedesPersistence } from "@edge-mqtt/session/aedes";
import { memoryRetained, memoryStore } from "@edge-mqtt/session/memory";
import { checkSame } from "./support/check.ts";

/** What this program uses of aedes, which bundles for other platforms cannot hold. */
interface AedesModule {
  readonly Aedes: {
    createBroker(options: object): Promise<{
      publish(packet: object, done: (error: unknown) => void): void;
      close(done: () => void): void;
    }>;
  };
}

/** A message that one broker has queued is sent by another, which is told that it came. */
export async function run(): Promise<void> {
  const name = "aedes";
  // The package as it is installed beside this one.
  const { Aedes } = await import(name) as AedesModule;
  const stores = { store: memoryStore(), retained: memoryRetained() };
  const [first, second] = [aedesPersistence(stores), aedesPersistence(stores)];
  const brokers = await Promise.all([first, second].map((persistence) => Aedes.createBroker({ persistence })));
  const client = { id: "meter-7" };
  await first.addSubscriptions(client, [{ topic: "meters/+", qos: 1 }]);
  const packet = { cmd: "publish", topic: "meters/7", payload: "12.5", qos: 1, retain: false, dup: false };
  await new Promise((published) => brokers[0]?.publish(packet, published));

  const sent: string[] = [];
  for await (const queued of second.outgoingStream(client)) {
    sent.push(String(queued.payload));
    await second.outgoingUpdate(client, { ...queued, messageId: 5 });
  }
  checkSame(sent, ["12.5"], "what is sent");
  await first.outgoingClearMessageId(client, { cmd: "puback", messageId: 5 });
  checkSame((await stores.store.directory.inspect("meter-7"))?.queuedMessages, 0, "what is left");
  for (const broker of brokers) await new Promise<void>((closed) => broker.close(closed));
}
