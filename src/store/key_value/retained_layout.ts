/**
 * Where retained messages stand: `topic/{position}`; `totals/{drawer}`, how much each part of the topics holds;
 * `due/{moment}/{position}` for those that expire; `part/{id}/…` for what is too large for one value, and
 * `staged/{moment}/{id}` for parts that no row names.
 */
import { SCHEMA_VERSION } from "../encoding.ts";
import { timePart } from "../keys.ts";
import { type KeySpan, lastPart } from "./layout.ts";

/** How many counters there are. Writers of topics that share none do not wait for each other; all are read at once. */
export const DRAWERS = 8;

/** The keys of one store. */
export class RetainedLayout {
  readonly #root: string;

  constructor(prefix: string) {
    this.#root = `${prefix}/${SCHEMA_VERSION}/retained`;
  }

  topic(position: string): string {
    return `${this.#root}/topic/${position}`;
  }

  /** The position that {@linkcode topic} made a key of. */
  positionOf(key: string): string {
    return key.slice(this.topic("").length);
  }

  totals(drawer: number): string {
    return `${this.#root}/totals/${drawer}`;
  }

  allTotals(): string[] {
    return Array.from({ length: DRAWERS }, (_, drawer) => this.totals(drawer));
  }

  due(at: number, position: string): string {
    return `${this.#root}/due/${timePart(at)}/${position}`;
  }

  /** Messages that have expired by then. */
  dueBy(now: number): KeySpan {
    return { start: `${this.#root}/due/`, end: `${this.#root}/due/${timePart(now)}0` };
  }

  /** The position and the moment of {@linkcode due}. */
  dueOf(key: string): { readonly at: number; readonly position: string } {
    const [moment = "", ...rest] = key.slice(`${this.#root}/due/`.length).split("/");
    return { at: Number(moment), position: rest.join("/") };
  }

  parts(id: string): string {
    return `${this.#root}/part/${id}/`;
  }

  staged(at: number, id: string): string {
    return `${this.#root}/staged/${timePart(at)}/${id}`;
  }

  stagedBy(now: number): KeySpan {
    return { start: `${this.#root}/staged/`, end: `${this.#root}/staged/${timePart(now)}0` };
  }

  /** The parts that a row of {@linkcode staged} names. */
  partsOf(key: string): string {
    return this.parts(lastPart(key));
  }
}

/** The drawer of a position. */
export function drawerOf(position: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < position.length; index++) {
    hash = Math.imul(hash ^ position.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % DRAWERS;
}
