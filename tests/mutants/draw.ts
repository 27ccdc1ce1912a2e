/**
 * Drawing faults: the same ones for the same seed and sources, from all parts of `src` evenly, and of all kinds.
 *
 * @module
 */
import { random } from "../../src/testing/random.ts";
import { EDIT_KINDS, type EditKind, type KindOfEdit } from "./edits.ts";
import { changedLines, type Mutant } from "./mutant.ts";

/** The parts of `src` that are drawn from: each gives as many faults as the others. */
export const AREAS: readonly string[] = [
  "src/machine/",
  "src/routing/",
  "src/store/",
  "src/stores/",
  "src/runtime/",
  "src/admin/",
];

/** A source and the edits that were found in it. */
export interface EditableSource {
  readonly file: string;
  readonly source: string;
  readonly edits: readonly KindOfEdit[];
}

/**
 * For each area its mutants in the order in which they are drawn: of each kind in turn, none from a line that gave one
 * already. Whoever needs ten takes the first ten that can be used.
 *
 * The place of an edit hangs on the seed and its own line alone, so that a change of `src` elsewhere draws no others.
 */
export function drawOrder(sources: readonly EditableSource[], seed: number): readonly (readonly Mutant[])[] {
  return AREAS.map((area) => orderOf(sources.filter(({ file }) => file.startsWith(area)), seed));
}

/** A mutant and what its place is decided by. */
interface Candidate {
  readonly mutant: Mutant;
  readonly where: string;
  readonly rank: number;
}

function orderOf(sources: readonly EditableSource[], seed: number): readonly Mutant[] {
  const kinds = EDIT_KINDS.map((kind) =>
    sources.flatMap((source) => candidatesOf(source, kind, seed)).toSorted((a, b) => a.rank - b.rank)
  );
  const used = new Set<string>();
  const drawn: Mutant[] = [];
  for (let round = 0; kinds.some((each) => round < each.length); round++) {
    for (const { mutant, where } of kinds.flatMap((each) => each[round] ?? [])) {
      if (used.has(where)) continue;
      used.add(where);
      drawn.push(mutant);
    }
  }
  return drawn;
}

function candidatesOf({ file, source, edits }: EditableSource, kind: EditKind, seed: number): readonly Candidate[] {
  return edits.filter((edit) => edit.kind === kind).flatMap(({ kind: _kind, ...edit }) => {
    const [line] = changedLines(source, edit);
    if (line === undefined) return [];
    const change = `${line.before} → ${line.after}`;
    const where = `${file}:${line.number}`;
    const rank = random(seed ^ hashOf(`${file} ${change}`)).next();
    return [{ mutant: { ...edit, name: `${where}: ${change}`, file, origin: "drawn" }, where, rank }];
  });
}

/** A number for a text (FNV-1a). */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
