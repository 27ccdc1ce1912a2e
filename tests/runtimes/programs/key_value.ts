import { keyValueStore } from "@edge-mqtt/session/key-value";
import { mapDriver } from "@edge-mqtt/session/testing";
import { resumesOver } from "./support/resumes.ts";

/** A session is resumed over a driver of one's own. */
export async function run(): Promise<void> {
  const driver = mapDriver();
  const capabilities = { fencing: "strict", durability: "process", consistency: "strong", watch: "process" } as const;
  await resumesOver(() => keyValueStore(driver, { capabilities }));
}
