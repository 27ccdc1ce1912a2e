import { sessionBroker } from "@edge-mqtt/session";
import { doctor, exportSessions, importSessions, sessionAdmin } from "@edge-mqtt/session/admin";
import { memoryStore } from "@edge-mqtt/session/memory";
import { checkSame } from "./support/check.ts";
import { connectByHand } from "./support/wire.ts";

/** A session moves to another store through its export, and the doctor finds nothing wrong there. */
export async function run(): Promise<void> {
  const from = memoryStore();
  const broker = sessionBroker({ store: from });
  const { connection, until } = await connectByHand(broker, { clientId: "sensor-1" });
  await until(1);
  connection.closed("transport");
  await broker.shutdown();
  await sessionAdmin(from).subscribe("sensor-1", "commands/#", { qos: 1 });

  const to = memoryStore();
  const events: string[] = [];
  for await (const event of importSessions(to, exportSessions(from))) {
    events.push(event.type === "session" ? event.outcome : event.type);
  }
  checkSame(events, ["restored", "end"], "what the import tells");
  const inspected = await sessionAdmin(to).inspect("sensor-1");
  checkSame(inspected?.subscriptions.map(({ filter }) => filter), ["commands/#"], "its subscriptions");
  const findings: string[] = [];
  for await (const { kind } of doctor(to)) findings.push(kind);
  checkSame(findings, [], "what the doctor finds");
}
