import type { Fields, Matcher, Value } from "./scenario.ts";

/** What `$name` stands for. */
export type Bindings = Map<string, Value>;

/** Why a packet is not what was expected, or `undefined` if it is. Names that had no value yet get theirs. */
export function mismatch(expected: Value, found: Value | undefined, bindings: Bindings, at = ""): string | undefined {
  if (isMatcher(expected)) return unmatched(expected, found, bindings, at);
  if (typeof expected === "string" && isName(expected)) {
    if (found === undefined) return `${at} is absent`;
    const bound = bindings.get(expected);
    if (bound === undefined) {
      bindings.set(expected, found);
      return undefined;
    }
    return mismatch(bound, found, new Map(), at);
  }
  if (isFields(expected)) {
    if (!isFields(found)) return differs(expected, found, at);
    for (const [name, value] of Object.entries(expected)) {
      const reason = mismatch(value, found[name], bindings, at === "" ? name : `${at}.${name}`);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }
  return JSON.stringify(expected) === JSON.stringify(found) ? undefined : differs(expected, found, at);
}

function unmatched(matcher: Matcher, found: Value | undefined, bindings: Bindings, at: string): string | undefined {
  switch (matcher.is) {
    case "any":
      return found === undefined ? `${at} is absent` : undefined;
    case "absent":
      return found === undefined ? undefined : `${at} is ${JSON.stringify(found)}, expected none`;
    case "oneOf":
      return matcher.values.some((value) => mismatch(value, found, bindings, at) === undefined)
        ? undefined
        : `${at} is ${JSON.stringify(found)}, expected one of ${JSON.stringify(matcher.values)}`;
    case "between":
      return typeof found === "number" && matcher.low <= found && found <= matcher.high
        ? undefined
        : `${at} is ${JSON.stringify(found)}, expected ${matcher.low} to ${matcher.high}`;
  }
  return matcher satisfies never;
}

/** A value with the values of its names. Throws a `RangeError` for a name without one. */
export function resolved(value: Value, bindings: Bindings): Value {
  if (typeof value === "string" && isName(value)) {
    const bound = bindings.get(value);
    if (bound === undefined) throw new RangeError(`Cannot send ${value}: it has no value yet`);
    return bound;
  }
  return mapped(value, (part) => resolved(part, bindings));
}

/** A value whose `~` are replaced. */
export function unique<Part extends Value>(value: Part, letters: string): Part {
  const replaced = typeof value === "string"
    ? value.replaceAll("~", letters)
    : mapped(value, (part) => unique(part, letters));
  return replaced as Part; // Only texts change, and stay texts.
}

function mapped(value: Value, change: (part: Value) => Value): Value {
  if (Array.isArray(value)) return value.map(change);
  if (!isFields(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, change(part)]));
}

/** `$SYS/…` and `$share/…` are no names: a topic may begin with a dollar, so a name has lower case letters alone. */
function isName(text: string): boolean {
  return /^\$[a-z]+\d?$/.test(text);
}

function isFields(value: Value | undefined): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isMatcher(value: Value): value is Fields & Matcher {
  return isFields(value) && "is" in value;
}

function differs(expected: Value, found: Value | undefined, at: string): string {
  return `${at} is ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`;
}
