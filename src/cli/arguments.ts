/** Reading the arguments: names, values, and nothing that cannot be meant so. */

/** The options that take a value, and what they are. */
export const VALUES = {
  store: "deno-kv:PATH, or upstash",
  prefix: "in front of all keys (mqtt)",
  file: "what is written or read, - for the standard output or input (-)",
  after: "import: the line after which it goes on",
  qos: "subscribe: 0, 1 or 2 (1)",
  filter: "purge: only messages that match this Topic Filter",
  "client-prefix": "list, export: how Client Identifiers begin",
  pattern: "list, export: what they look like, with * and ?",
  "protocol": "list, export: 4 or 5",
  "min-queued": "list, export: at least so many messages wait",
  limit: "list: at most so many sessions (all)",
} as const;

/** The options that are there or not. */
export const FLAGS = {
  json: "one JSON object a line, for programs",
  payload: "inspect: the payload of the Will too",
  attached: "list, export: those that a connection owns",
  detached: "list, export: those that none does",
  "sessions-only": "export, import: leave out what is retained",
  refuse: "leave sessions that a living connection owns as they are",
  replace: "import: in place of sessions that are there",
  "dry-run": "import: say what would be done, and how sessions differ",
  resume: "export: go on with a file that was broken off",
  repair: "doctor: repair what is found",
  cluster: "upstash: a Redis Cluster is behind the REST protocol",
  help: "this text",
} as const;

/** The name of an option that takes a value. */
export type ValueName = keyof typeof VALUES;

/** The name of an option that is there or not. */
export type FlagName = keyof typeof FLAGS;

/** What the arguments say. */
export interface Arguments {
  readonly command: string;
  readonly positionals: readonly string[];
  readonly values: Readonly<Partial<Record<ValueName, string>>>;
  readonly flags: ReadonlySet<FlagName>;
}

/** Why arguments cannot be meant so. */
export class UsageError extends Error {}

/** Reads arguments: `--name value`, `--name=value`, flags, and what stands by itself. */
export function readArguments(args: readonly string[]): Arguments {
  const positionals: string[] = [];
  const values: Partial<Record<ValueName, string>> = {};
  const flags = new Set<FlagName>();
  let isOver = false;
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? "";
    if (isOver || !argument.startsWith("--")) {
      positionals.push(argument);
      continue;
    }
    if (argument === "--") {
      // A Client Identifier may begin with two dashes too.
      isOver = true;
      continue;
    }
    const equals = argument.indexOf("=");
    const name = argument.slice(2, equals < 0 ? undefined : equals);
    if (Object.hasOwn(FLAGS, name)) {
      if (equals >= 0) throw new UsageError(`--${name} takes no value`);
      flags.add(name as FlagName); // It is one of them.
    } else if (Object.hasOwn(VALUES, name)) {
      const value = equals < 0 ? args[++index] : argument.slice(equals + 1);
      if (value === undefined) throw new UsageError(`--${name} takes a value: ${VALUES[name as ValueName]}`);
      values[name as ValueName] = value; // It is one of them.
    } else throw new UsageError(`--${name} is no option`);
  }
  const [command = "", ...rest] = positionals;
  return { command, positionals: rest, values, flags };
}

/** A whole number from an option; `undefined` where it is not given. */
export function numberOf(args: Arguments, name: ValueName, least: number, most = Number.MAX_SAFE_INTEGER) {
  const text = args.values[name];
  if (text === undefined) return undefined;
  return wholeNumber(`--${name}`, text, least, most);
}

/** A whole number from a text. */
export function wholeNumber(what: string, text: string, least: number, most: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`${what} is a whole number from ${least} to ${most}, not ${text}`);
}
