import { sessionBroker } from "@edge-mqtt/session";
import { denoKvRetained, denoKvStore } from "@edge-mqtt/session/deno-kv";
import { MqttOverWebSocket } from "../broker/serve.ts"; // WebSocket and codec: take serve.ts and codec.ts along

const kv = await Deno.openKv();
const broker = sessionBroker({
  store: denoKvStore(kv, { durability: "replicated" }),
  retained: denoKvRetained(kv, { durability: "replicated" }),
  limits: { maximumSessionExpiryInterval: 7 * 86_400 },
});
broker.start();

// Of no isolate that serves clients is it known that it lives when something falls due.
Deno.cron("Wills, expiries and outboxes", "* * * * *", () => broker.runDue());

const sockets = new MqttOverWebSocket(broker, { maxPacketBytes: 1_113_784, maxInputBytes: 4_194_304 });
Deno.serve((request) => sockets.handle(request));
