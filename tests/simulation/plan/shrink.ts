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
    for (const list of ["actions", "faults", "pageFaults"] as const) {
      const all = () => small[list] ?? [];
      for (
        let length = Math.ceil(all().length / 2);
        length >= 1;
        length = length > 1 ? Math.ceil(length / 2) : 0
      ) {
        for (let from = 0; from < all().length;) {
          const rest = [...all().slice(0, from), ...all().slice(from + length)];
          if (!await tryOut({ ...small, [list]: rest })) from += length;
        }
      }
    }
    for (const plainer of plainerOf(small)) await tryOut({ ...small, ...plainer });
  }
  return small;
}

function sizeOf({ actions, faults, pageFaults = [] }: Plan): number {
  return actions.length + faults.length + pageFaults.length;
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
    ...clients.flatMap(({ page }, index): readonly Partial<Plan>[] => {
      if (page === undefined) return [];
      const plainer = {
        store: { kind: "memory", limits: "none", latencyMs: [0, 0] },
        handlesMs: 0,
        failsOneIn: 0,
      } as const;
      const narrow = { maximumInFlight: 1_024, pageMessages: 128, maximumUnhandled: 1_000 } as const;
      const as = (changes: Partial<typeof page>): Partial<Plan> => ({
        clients: clients.map((client, each) => each === index ? { ...client, page: { ...page, ...changes } } : client),
      });
      return [as(plainer), as(narrow), as({ locks: true })];
    }),
    { lengthMs: Math.max(0, ...plan.actions.map(({ at }) => at)) + 1_000 },
  ];
}
