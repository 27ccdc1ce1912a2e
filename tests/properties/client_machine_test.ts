import fc from "fast-check";
import { ClientRun, clientRun, setting } from "./support/client_run.ts";

const RUNS = 3_000;

// fast-check prints the seed and the path of a run that fails.
Deno.test("random servers, losses and crashes find a client that keeps quota, identifiers, order and the law of D9", () => {
  fc.assert(
    fc.property(setting, clientRun, (how, actions) => {
      const run = new ClientRun(how);
      for (const action of actions) run.act(action);
    }),
    { numRuns: RUNS },
  );
});

Deno.test("whatever has happened, a willing server then gets all that the client has, and the client all that is owed", () => {
  fc.assert(
    fc.property(setting, clientRun, (how, actions) => {
      const run = new ClientRun(how);
      for (const action of actions) run.act(action);
      run.settle();
    }),
    { numRuns: RUNS },
  );
});
