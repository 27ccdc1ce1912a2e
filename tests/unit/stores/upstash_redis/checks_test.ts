import assert from "node:assert/strict";
import { checkMember, Checks } from "../../../../src/stores/upstash_redis/checks.ts";

Deno.test("a check stands for 20 s from the moment it was written, and is written again where a clock went back", () => {
  const checks = new Checks();
  const check = [{ part: "c", nodeId: "node" }];
  const now = 1_000_000;
  const changes = checks.begin(check, now);
  assert.deepEqual(changes, [{ key: "due", command: "ZADD", args: [now + 60_000, checkMember("c", "node")] }]);
  assert.equal(checks.begin(check, now).length, 1, "nobody has said that it is written");
  checks.begun(check, changes, now);
  for (const at of [now, now + 1, now + 19_999]) assert.deepEqual(checks.begin(check, at), [], `${at - now}`);
  for (const at of [now - 1, now + 20_000]) assert.equal(checks.begin(check, at).length, 1, `${at - now}`);
  assert.equal(checks.begin([{ part: "c", nodeId: "another" }], now).length, 1);
});
