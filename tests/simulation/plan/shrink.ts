/** Makes a plan smaller, as long as it still shows the same. */
import type { Plan } from "./plan.ts";

/** How many plans are tried. */
const TRIES = 600;

/** The smallest plan that is found: fewer actions and faults, then plainer surroundings. */
export async function shrinkPlan(plan: Plan, stillShows: (plan: Plan) => Promise<boolean>): Promise<Plan> {
  let small = plan;
  let tries = 0;
  const tryOut = async (smaller: Plan): Promise<boolean> => {
    if (tries++ >= TRIES || !await stillShows(smaller)) return false;
    small = smaller;
    return true;
  };
  for (let before = Infinity; sizeOf(small) < before && tries < TRIES;) {
    before = sizeOf(small);
    for (const list of ["actions", "faults"] as const) {
      for (
        let length = Math.ceil(small[list].length / 2);
        length >= 1;
        length = length > 1 ? Math.ceil(length / 2) : 0
      ) {
        for (let from = 0; from < small[list].length;) {
          const rest = [...small[list].slice(0, from), ...small[list].slice(from + length)];
          if (!await tryOut({ ...small, [list]: rest })) from += length;
        }
      }
    }
    for (const plainer of plainerOf(small)) await tryOut({ ...small, ...plainer });
  }
  return small;
}

function sizeOf({ actions, faults }: Plan): number {
  return actions.length + faults.length;
}

function plainerOf(plan: Plan): readonly Partial<Plan>[] {
  const { store, clients } = plan;
  return [
    { networkMs: [0, 0] },
    { store: { ...store, latencyMs: [0, 0] } },
    { bytes: false },
    { store: { ...store, kind: "memory" } },
    { store: { ...store, delivery: "commit" } },
    { nodes: plan.nodes.map(() => ({ clockMs: 0 })) },
    { clients: clients.map(({ will: _will, ...client }) => client) },
    { clients: clients.map((client) => ({ ...client, keepAlive: 0, answersAfterMs: 0, firstPacketId: 1 })) },
    ...clients.map((_, index): Partial<Plan> => ({
      clients: clients.map((client, each) => each === index ? { ...client, filters: client.filters.slice(1) } : client),
    })),
    { lengthMs: Math.max(0, ...plan.actions.map(({ at }) => at)) + 1_000 },
  ];
}
