import assert from "node:assert/strict";
import { call, type EvaluatingPage } from "./site.ts";

/** Two pages of any browser ask for the same. */
export async function playOwners(one: EvaluatingPage, other: EvaluatingPage): Promise<void> {
  assert.equal(await call(one, "own", "a", "refuse"), "owned");
  assert.equal(await call(other, "own", "a", "refuse"), "refused");
  assert.equal(await call(other, "own", "b", "refuse"), "owned", "another name is another owner's");

  await call(other, "ask", "a", "wait");
  assert.equal(await call(one, "isOwned", "a"), true);
  await call(one, "release", "a");
  assert.equal(await call(other, "answer", "a"), "owned");

  assert.equal(await call(one, "own", "a", "take"), "owned");
  assert.match(await call(other, "whyLost", "a"), /SessionError: Cannot go on with "a": another page took it over/);
  await call(other, "release", "a");
  assert.equal(await call(one, "isOwned", "a"), true);
  assert.equal(await call(other, "own", "a", "refuse"), "refused");
}
