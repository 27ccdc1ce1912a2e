import type { BrokerOptions } from "@edge-mqtt/session";
import { Rig } from "./rig.ts";

/** Registers the test of one conformance row for the server role. The name begins with the row, so the report finds it. */
export function row(
  id: string,
  sentence: string,
  test: (rig: Rig) => Promise<void>,
  options: Partial<BrokerOptions> = {},
): void {
  Deno.test(`${id} S: ${sentence}`, async () => {
    await test(new Rig(options));
  });
}
