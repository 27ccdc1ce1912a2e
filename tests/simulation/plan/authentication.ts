/** Worlds in which some clients of 5.0 prove who they are: in so many steps of AUTH, sometimes wrongly, and once more later. */
import { random } from "../../../src/testing/mod.ts";
import type { Action, ClientPlan, Plan } from "./plan.ts";

/** From this seed on some client of every world proves who it is. */
export const AUTHENTICATION_FROM = 50_000_001;

/** The method of all of them. */
export const METHOD = "STEPS";

const AUTHENTICATION_ONE_IN = 8;

/** How a client proves who it is. */
export interface ProofPlan {
  /** How often it has to answer. */
  readonly steps: number;
  /** Every so-manyth exchange its last answer is wrong; 0 for never. */
  readonly failsOneIn: number;
  /** It thinks for so long, in milliseconds. */
  readonly thinksMs: number;
}

/** The plan with exchanges in it, where its seed says so: from a source of its own, so that other worlds stay as they were. */
export function withAuthentication(plan: Plan): Plan {
  const chance = random(plan.seed ^ 0xa07b1);
  const isChosen = chance.below(AUTHENTICATION_ONE_IN) === 0 || plan.seed >= AUTHENTICATION_FROM;
  if (!isChosen || plan.clients.some(({ page }) => page !== undefined)) return plan;
  const clients = plan.clients.map((client, index): ClientPlan => {
    if (index > 0 && chance.chance(0.3)) return client;
    const proof = {
      steps: chance.below(4),
      failsOneIn: chance.chance(0.5) ? 0 : 2 + chance.below(3),
      thinksMs: chance.chance(0.5) ? 0 : chance.below(250),
    };
    return { ...client, version: 5, proof };
  });
  const again = clients.flatMap(({ proof }, client): readonly Action[] =>
    proof === undefined ? [] : Array.from({ length: chance.below(5) }, () => {
      return { at: 100 + chance.below(plan.lengthMs - 100), do: "reauthenticate", client };
    })
  );
  return { ...plan, clients, actions: [...plan.actions, ...again].sort((a, b) => a.at - b.at) };
}
