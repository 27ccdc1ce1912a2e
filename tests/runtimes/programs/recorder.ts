import { sessionBroker } from "@edge-mqtt/session";
import { memoryStore } from "@edge-mqtt/session/memory";
import { flightRecorder, replayFlight } from "@edge-mqtt/session/recorder";
import { check, checkSame } from "./support/check.ts";
import { connectByHand } from "./support/wire.ts";

/** What was recorded is played again, step by step, without a difference. */
export async function run(): Promise<void> {
  const lines: string[] = [];
  const broker = sessionBroker({ store: memoryStore(), record: flightRecorder((line) => lines.push(line)) });
  const { connection, until } = await connectByHand(broker, { clientId: "c1" }, { type: "pingreq" });
  await until(2);
  connection.closed("transport");
  await broker.shutdown();
  let steps = 0;
  for (const replayed of replayFlight(lines)) {
    if (replayed.type !== "stepped") continue;
    steps++;
    checkSame(replayed.differences, [], `step ${replayed.n}`);
  }
  check(steps >= 3, `${steps} steps were played`);
}
