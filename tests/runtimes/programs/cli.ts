import { check } from "./support/check.ts";

/** The command line tells what it can do. */
export async function run(): Promise<void> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--node-modules-dir=manual", import.meta.resolve("@edge-mqtt/session/cli"), "--help"],
  }).output();
  const said = new TextDecoder().decode(stdout);
  check(success && said.includes("explain"), `it says what it can do: ${said}`);
}
