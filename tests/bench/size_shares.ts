/**
 * Which modules of a bundle take how many of its compressed bytes.
 *
 * @module
 */
import { deflateCost } from "./deflate_cost.ts";

/** What is read of a source map. */
export interface SourceMap {
  readonly sources: readonly string[];
  readonly mappings: string;
}

/** What one module takes. */
export interface SizeShare {
  readonly module: string;
  readonly bytes: number;
}

const BASE_64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The modules, the largest first. What belongs to none, as what binds them does, goes to the one before. */
export function sizeShares(code: Uint8Array, { sources, mappings }: SourceMap): readonly SizeShare[] {
  const cost = deflateCost(code);
  const shares = new Map<string, number>();
  const places = placesOf(code, mappings);
  for (const [index, { at, source }] of places.entries()) {
    const end = places[index + 1]?.at ?? code.length;
    const module = (sources[source] ?? "").replace(/^.*\/(?=(src|npm|registry\.npmjs\.org)\/)/, "");
    const bytes = cost.subarray(at, end).reduce((total, each) => total + each, 0);
    shares.set(module, (shares.get(module) ?? 0) + bytes);
  }
  return [...shares].map(([module, bytes]) => ({ module, bytes })).sort((a, b) => b.bytes - a.bytes);
}

interface Place {
  readonly at: number;
  readonly source: number;
}

/** Where in the code something of a source begins. Columns are counted as bytes: minified code has few others. */
function placesOf(code: Uint8Array, mappings: string): readonly Place[] {
  const places: Place[] = [];
  let source = 0;
  let lineAt = 0;
  for (const line of mappings.split(";")) {
    let column = 0;
    for (const segment of line.split(",").filter((each) => each !== "")) {
      const [columns = 0, sourceStep = 0] = numbersOf(segment);
      column += columns;
      source += sourceStep;
      places.push({ at: lineAt + column, source });
    }
    lineAt = code.indexOf(10, lineAt) + 1;
  }
  return places;
}

/** Variable-length quantities: 5 bits a character, and one that says whether more follow; the lowest bit is the sign. */
function numbersOf(segment: string): number[] {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const character of segment) {
    const digit = BASE_64.indexOf(character);
    value |= (digit & 31) << shift;
    shift += 5;
    if ((digit & 32) !== 0) continue;
    numbers.push((value & 1) === 0 ? value >> 1 : -(value >> 1));
    value = 0;
    shift = 0;
  }
  return numbers;
}
