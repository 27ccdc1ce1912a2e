import type { Mutant } from "./mutant.ts";

/** Of mutants in different files, those whose types are wrong. */
export type FindBroken = (mutants: readonly Mutant[]) => Promise<readonly Mutant[]>;

/**
 * The first ones of each order whose types are right: `size` of them, or all there are. The compiler is asked about many
 * at once, at most one of each file.
 */
export async function firstUsable(
  orders: readonly (readonly Mutant[])[],
  sizes: readonly number[],
  findBroken: FindBroken,
): Promise<readonly Mutant[]> {
  const known = new Map<Mutant, boolean>();
  for (;;) {
    const wanted = orders.flatMap((order, index) =>
      order.filter((each) => known.get(each) !== false).slice(0, sizes[index])
    );
    const asked = new Map<string, Mutant>();
    for (const mutant of wanted) if (!known.has(mutant) && !asked.has(mutant.file)) asked.set(mutant.file, mutant);
    if (asked.size === 0) return wanted;
    const mutants = [...asked.values()];
    const broken = await findBroken(mutants);
    for (const mutant of mutants) known.set(mutant, !broken.includes(mutant));
  }
}
