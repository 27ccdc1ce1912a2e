/**
 * `deno task conformance`: the rows of the MQTT session reference, by their tests; or asked of a broker over the wire; or
 * with their rules taken out.
 *
 * @module
 */
import { MUTATE_USAGE, mutateRows } from "./mutate.ts";
import { reportRows } from "./report.ts";
import { askBroker, readWireOptions, WIRE_USAGE } from "./wire/command.ts";
import { TABLE_USAGE, writeTables } from "./wire/table.ts";

const USAGE =
  `deno task conformance: the tests of all rows, by theme\n\n${WIRE_USAGE}\n\n${MUTATE_USAGE}\n\n${TABLE_USAGE}`;

Deno.exitCode = await hasPassed(Deno.args).catch((error: unknown) => {
  console.error(error instanceof Error ? describe(error) : error);
  return undefined;
}).then((passed) => passed === undefined ? 2 : passed ? 0 : 1);

async function hasPassed(args: readonly string[]): Promise<boolean> {
  const [first, ...rest] = args;
  switch (first) {
    case undefined:
      return await reportRows();
    case "--mutate":
      return await mutateRows(rest);
    case "--table":
      return await writeTables(rest);
    case "--help":
      console.log(USAGE);
      return true;
    default:
      return await askBroker(readWireOptions(args));
  }
}

function describe(error: Error): string {
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return `${error.message}${cause}${error instanceof TypeError ? `\n\n${USAGE}` : ""}`;
}
