/**
 * What an option may be: rules that are called with a value and throw if it breaks them.
 *
 * @module
 */

/**
 * Checks a value, and the text says what is being done and with which option: `make a broker: limits.sendAhead`.
 *
 * @throws {TypeError} If the value is of the wrong type, or a word that is not among the choices.
 * @throws {RangeError} If it is a number out of range, or an empty text.
 */
export type OptionRule = (value: unknown, doing: string) => void;

/** A rule for each option of an interface, which no option can be missing from. */
export type OptionRules<Options> = { readonly [Name in keyof Options]-?: OptionRule };

/** Numbers from `least` to `most`. */
export function between(least: number, most = Infinity): OptionRule {
  return numbers((value) => value >= least && value <= most, `a number from ${least} to ${most}`);
}

/** Whole numbers from `least` to `most`. */
export function whole(least: number, most: number = Number.MAX_SAFE_INTEGER): OptionRule {
  const allows = (value: number): boolean => Number.isInteger(value) && value >= least && value <= most;
  return numbers(allows, `a whole number from ${least} to ${most}`);
}

/** Numbers above 0. */
export function positive(): OptionRule {
  return numbers((value) => value > 0, "a number above 0");
}

/** Values of a type. */
export function typed(type: "boolean" | "string" | "object"): OptionRule {
  return (value, doing) => {
    if (typeof value !== type || value === null) throw new TypeError(misuse(doing, value, `a value of type ${type}`));
  };
}

/** Texts that are not empty. */
export function text(): OptionRule {
  return (value, doing) => {
    typed("string")(value, doing);
    if (value === "") throw new RangeError(misuse(doing, value, "a text that is not empty"));
  };
}

/** One of some words or numbers. */
export function oneOf(...choices: readonly unknown[]): OptionRule {
  return (value, doing) => {
    if (!choices.includes(value)) throw new TypeError(misuse(doing, value, `one of ${choices.join(", ")}`));
  };
}

/** Objects of which every option keeps its rule; others are not looked at. */
export function shape(rules: Readonly<Record<string, OptionRule>>, isPartial = false): OptionRule {
  return (value, doing) => {
    typed("object")(value, doing);
    for (const [name, rule] of Object.entries(rules)) {
      // True because it is an object, by the line above.
      const option = (value as Readonly<Record<string, unknown>>)[name];
      if (option !== undefined || !isPartial) rule(option, `${doing}${doing.endsWith(":") ? " " : "."}${name}`);
    }
  };
}

/** Lists of which every entry keeps a rule. */
export function listOf(rule: OptionRule): OptionRule {
  return (value, doing) => {
    if (!Array.isArray(value)) throw new TypeError(misuse(doing, value, "a list"));
    for (const [index, entry] of value.entries()) rule(entry, `${doing}.${index}`);
  };
}

function numbers(allows: (value: number) => boolean, expected: string): OptionRule {
  return (value, doing) => {
    if (typeof value !== "number") throw new TypeError(misuse(doing, value, expected));
    if (!allows(value)) throw new RangeError(misuse(doing, value, expected));
  };
}

/** The text of a misuse. Objects are named by their type: they could be long, or hold what nobody should read. */
function misuse(doing: string, value: unknown, expected: string): string {
  const found = typeof value === "object" ? "an object" : typeof value === "string" ? `"${value}"` : String(value);
  return `Cannot ${doing} is ${found}, expected ${expected}`;
}
