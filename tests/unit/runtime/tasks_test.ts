import assert from "node:assert/strict";
import { Tasks } from "../../../src/runtime/tasks.ts";
import { rest } from "./support.ts";

Deno.test("work and questions to the host are waited for by who wants all of it, work alone by others", async () => {
  const tasks = new Tasks();
  const question = Promise.withResolvers<void>();
  const work = Promise.withResolvers<void>();
  tasks.ask(question.promise);
  tasks.add(work.promise);
  const ended: string[] = [];
  tasks.settled().then(() => ended.push("settled"));
  tasks.done(undefined).then(() => ended.push("done"));
  await rest();
  assert.deepEqual([ended, tasks.idle], [[], false]);
  work.resolve();
  await rest();
  assert.deepEqual([ended, tasks.idle], [["done"], false]);
  question.resolve();
  await rest();
  assert.deepEqual([ended, tasks.idle], [["done", "settled"], true]);
});
