import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { ACQUIRE_TABLE, CLIENT_TABLE, ENDING_TABLE, INBOUND_TABLE, OUTBOUND_TABLE } from "../../src/machine/mod.ts";
import { PROJECT_ROOT } from "../support/deno.ts";
import { diagrams, withDiagrams } from "../support/diagrams.ts";

type AnyTable = Readonly<Record<string, Readonly<Record<string, { readonly row: string }>>>>;

function rowsOf(...tables: readonly AnyTable[]): readonly string[] {
  return tables.flatMap((table) => Object.values(table).flatMap((rows) => Object.values(rows).map(({ row }) => row)));
}

Deno.test("the README's diagrams are those of the tables", async () => {
  const readme = await readFile(new URL("README.md", PROJECT_ROOT), "utf8");
  assert.equal(withDiagrams(readme), readme, "stale: run `deno task diagrams`");
});

Deno.test("every row of every table is drawn", () => {
  const drawn = diagrams();
  const tables = {
    lifecycle: rowsOf(ACQUIRE_TABLE, ENDING_TABLE),
    client: rowsOf(CLIENT_TABLE),
    outbound: rowsOf(OUTBOUND_TABLE),
    inbound: rowsOf(INBOUND_TABLE),
  };
  for (const [name, rows] of Object.entries(tables)) {
    for (const row of rows) assert.match(drawn[name] ?? "", new RegExp(`\\b${row}\\b`), `${row} in ${name}`);
  }
});

Deno.test("a diagram that was changed by hand is stale, and drawing mends it", () => {
  const text = Object.keys(diagrams())
    .map((name) => `<!-- diagram:${name} -->\nby hand\n<!-- /diagram:${name} -->\n`).join("\n");
  const drawn = withDiagrams(text);
  assert.notEqual(drawn, text);
  assert.ok(!drawn.includes("by hand"));
  assert.equal(withDiagrams(drawn), drawn);
});

Deno.test("a text without the markers is refused", () => {
  assert.throws(() => withDiagrams("# Nothing to draw in"), /Cannot draw the diagram "lifecycle"/);
});
