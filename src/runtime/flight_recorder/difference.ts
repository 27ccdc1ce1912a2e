import type { Json } from "./encoding.ts";

/** Where what was computed differs from what was recorded. */
export interface FlightDifference {
  /** The place in the step: `effects[0].packet.reasonCode`. */
  readonly where: string;
  /** What was recorded there, as JSON; absent when nothing was. */
  readonly recorded?: string;
  /** What was computed there, as JSON; absent when nothing was. */
  readonly computed?: string;
}

/** The places where two values differ, in order, at most `most` of them. */
export function differences(
  recorded: Json | undefined,
  computed: Json | undefined,
  where = "",
  most = 8,
): readonly FlightDifference[] {
  if (recorded === undefined || computed === undefined || !isBranch(recorded) || !isBranch(computed)) {
    const [was, is] = [textOf(recorded), textOf(computed)];
    if (was === is) return [];
    return [{
      where,
      ...(was === undefined ? {} : { recorded: was }),
      ...(is === undefined ? {} : { computed: is }),
    }];
  }
  const found: FlightDifference[] = [];
  const isList = Array.isArray(recorded) && Array.isArray(computed);
  for (const name of new Set([...Object.keys(recorded), ...Object.keys(computed)])) {
    if (found.length >= most) break;
    const place = isList ? `${where}[${name}]` : where === "" ? name : `${where}.${name}`;
    found.push(...differences(memberOf(recorded, name), memberOf(computed, name), place, most - found.length));
  }
  return found;
}

type Branch = Exclude<Json, null | boolean | number | string>;

function isBranch(value: Json): value is Branch {
  return typeof value === "object" && value !== null;
}

function memberOf(value: Branch, name: string): Json | undefined {
  // A list has its indices for names.
  return Object.hasOwn(value, name) ? (value as { readonly [name: string]: Json })[name] : undefined;
}

function textOf(value: Json | undefined): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
