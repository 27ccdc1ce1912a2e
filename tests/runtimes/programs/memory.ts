import { memoryStore } from "@edge-mqtt/session/memory";
import { resumesOver } from "./support/resumes.ts";

/** A session is resumed over the store. */
export async function run(): Promise<void> {
  const store = memoryStore();
  await resumesOver(() => store);
}
