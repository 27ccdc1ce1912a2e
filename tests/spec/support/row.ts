import { Rig } from "./rig.ts";

/** Registers the test of one conformance row for the server role. The name begins with the row, so the report finds it. */
export function row(id: string, sentence: string, test: (rig: Rig) => Promise<void>): void {
  Deno.test(`${id} S: ${sentence}`, async () => {
    await test(new Rig());
  });
}
