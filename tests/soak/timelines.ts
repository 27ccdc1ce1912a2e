/**
 * What was seen of the clients that a violation concerns, in a file.
 *
 * @module
 */
import type { Observation, Violation } from "../simulation/oracle/observation.ts";
import { timeline } from "../simulation/oracle/timeline.ts";

/** Writes a file for people; its path. */
export function writeTimeline(violation: Violation, seen: readonly Observation[]): string {
  const path = Deno.makeTempFileSync({ prefix: "edge-mqtt-soak-", suffix: ".txt" });
  Deno.writeTextFileSync(path, `${JSON.stringify(violation)}\n\n${timeline(concerning(violation, seen))}\n`);
  return path;
}

/**
 * The part that is about its client, about those whose names stand in its message, and about the world; all of it where it
 * concerns no client, but a shared group or the store.
 */
function concerning({ client, message }: Violation, seen: readonly Observation[]): readonly Observation[] {
  if (!seen.some((observation) => "client" in observation && observation.client === client)) return seen;
  const mentioned = (name: string) => name === client || new RegExp(`\\b${name}\\b`).test(message);
  const clients = new Map<string, boolean>();
  const connections = new Set<number>();
  return seen.filter((observation) => {
    if (observation.type === "note") return true;
    if ("client" in observation) {
      const { client: name } = observation;
      const concerned = clients.get(name) ?? mentioned(name);
      clients.set(name, concerned);
      if (concerned && observation.type === "opened") connections.add(observation.connection);
      return concerned;
    }
    return "connection" in observation && connections.has(observation.connection);
  });
}
