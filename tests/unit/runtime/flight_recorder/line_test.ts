import assert from "node:assert/strict";
import { flightRecorder, replayFlight } from "../../../../src/runtime/flight_recorder/mod.ts";

/** Why a line cannot be played behind the others. */
function why(...lines: readonly unknown[]): string {
  const texts = lines.map((line) => typeof line === "string" ? line : JSON.stringify(line));
  const last = [...replayFlight(texts)].at(-1);
  return last?.type === "unplayable" ? last.why : `${last?.type}`;
}

Deno.test("of each line that cannot be played it is said why", () => {
  const made: string[] = [];
  flightRecorder((line) => made.push(line)).open({ role: "server", policy: {}, limits: {} });
  const [opened = ""] = made;
  const { flight, ...rest } = JSON.parse(opened);
  assert.equal(why(opened), "opened");
  assert.equal(why(opened, "", opened), "its machine is open already");
  assert.equal(why("{"), "it is no JSON");
  assert.equal(why(null), "it is no line of a recording");
  assert.equal(why(rest), "it is no line of a recording");
  assert.equal(why({ ...rest, flight, format: "another" }), "it is of another form: another");
  assert.match(why({ ...rest, flight, version: 99 }), /it is of version 99/);
  assert.equal(why({ ...rest, flight, opening: 1 }), "it does not tell how the machine was opened");
  assert.match(why({ ...rest, flight, opening: { role: "nobody" } }), /./);
  assert.equal(why(opened, { flight, type: "stepped", n: 1 }), "the step is not whole");
  assert.equal(why(opened, { flight, type: "noted" }), "the note is not whole");
  assert.equal(why(opened, { flight, type: "else" }), "it is of an unknown type: else");
  const step = { flight: "f", type: "stepped", n: 1, now: 1, event: { type: "timePassed" }, result: {} };
  assert.equal(why(step), "the opening of its machine is missing");
});
