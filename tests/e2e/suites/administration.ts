import assert from "node:assert/strict";
import type { SessionStore } from "../../../mod.ts";
import { runSessions } from "../support/command_line.ts";
import { contents, fill } from "../../unit/admin/exported.ts";

/** A store as a test opens it, and as the command line names it. */
export interface NamedStore {
  readonly store: SessionStore;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What the command line does to the sessions of a store, as a person at a terminal sees it. */
export async function administer(from: NamedStore, to: NamedStore, folder: string): Promise<void> {
  const sessions = async (named: NamedStore, ...args: readonly string[]) => {
    const { code, stdout, stderr } = await runSessions([...args, ...named.args], named.env);
    assert.ok(!`${stdout}${stderr}`.includes(named.env["UPSTASH_REDIS_REST_TOKEN"] ?? "\n\n\n"), "a token is shown");
    return { code, stdout, stderr, lines: stdout.split("\n").filter((line) => line !== "") };
  };
  await fill(from.store);

  const listed = await sessions(from, "list");
  assert.equal(listed.code, 0, listed.stderr);
  assert.equal(listed.lines.length, 4);
  assert.ok(listed.stdout.includes('"zwei é/;"'), listed.stdout);
  const owned = await sessions(from, "list", "--attached", "--json");
  assert.deepEqual(owned.lines.map((line) => JSON.parse(line).clientId), ["owned"]);

  const inspected = await sessions(from, "inspect", "one");
  assert.match(inspected.stdout, /subscribed to "a\/\+" QoS 2/);
  assert.match(inspected.stdout, /exchange 1, Packet Identifier 65535: awaitPuback "a\/b"/);
  assert.match(inspected.stdout, /QoS 2 accepted, not released: 9/);
  const absent = await sessions(from, "inspect", "nobody", "--json");
  assert.deepEqual([absent.code, JSON.parse(absent.stdout)], [1, { outcome: "absent" }]);

  assert.equal((await sessions(from, "subscribe", "one", "new/#", "--qos", "2")).stdout, "changed\n");
  assert.equal((await sessions(from, "unsubscribe", "one", "new/#")).stdout, "changed\n");
  assert.equal((await sessions(from, "expiry", "one", "4294967295")).stdout, "changed\n");
  assert.match((await sessions(from, "explain", "one")).stdout, /changed by somebody who did not own it/);
  const file = `${folder}/sessions.ndjson`;
  assert.equal((await sessions(from, "export", "--file", file)).code, 0);
  const dry = await sessions(to, "import", "--file", file, "--dry-run");
  assert.equal(dry.code, 0, dry.stderr);
  assert.equal((await to.store.directory.list({ limit: 1 })).sessions.length, 0);
  const imported = await sessions(to, "import", "--file", file);
  assert.equal(imported.code, 0, imported.stderr);
  assert.match(imported.stdout, /"one" restored, 23 messages/);
  const again = await sessions(to, "import", "--file", file, "--json");
  assert.deepEqual(again.lines.map((line) => JSON.parse(line).outcome).slice(0, 4), Array(4).fill("present"));
  const clean = await sessions(to, "doctor");
  assert.deepEqual([clean.code, clean.stdout], [0, ""], clean.stderr);
  assert.equal((await contents(to.store) as unknown[]).length, 4);

  const purged = await sessions(to, "purge", "one");
  assert.match(purged.stdout, /^changed: 22 messages/);
  assert.equal((await sessions(to, "end", "one")).stdout, "changed\n");
  assert.equal((await sessions(to, "end", "one")).code, 1);
  assert.match((await sessions(to, "explain", "one")).stdout, /has no session\na session ended .*: administrative/);
}
