/**
 * `deno task cost`: what a load comes to, in round trips and dollars.
 *
 *     deno task cost --messages 1000000 --sessions 100 --store upstash --idle-days 30
 *
 * @module
 */
import { COSTED_STORES, type CostedStore, costOf, type Load } from "./cost_model.ts";

const FLAGS = {
  messages: { name: "messages", least: 0, says: "PUBLISH packets that arrive" },
  sessions: { name: "sessions", least: 0, says: "sessions that connect" },
  qos: { name: "qos", least: 1, says: "of messages and subscriptions: 1 or 2; default 1" },
  receivers: { name: "receivers", least: 1, says: "sessions that each message goes to; default 1" },
  together: { name: "together", least: 1, says: "messages that share a commit, and their acknowledgements; default 1" },
  connects: { name: "connects", least: 0, says: "how often each session connects and leaves; default 1" },
  idleDays: { name: "idle-days", least: 0, says: "days that nodes are up with sessions connected; default 0" },
  nodes: { name: "nodes", least: 1, says: "nodes; default 1" },
  pollMs: { name: "poll-ms", least: 0, says: "doorbellPollMs, 0 never; default 1000" },
} as const satisfies Readonly<
  Record<keyof Load, { readonly name: string; readonly least: number; readonly says: string }>
>;

/** What was asked for. */
export interface CostQuestion {
  readonly store: CostedStore;
  readonly load: Load;
}

/**
 * Reads the command line.
 *
 * @throws {RangeError} That says what is wrong with it.
 */
export function readQuestion(args: readonly string[]): CostQuestion {
  let store: CostedStore = "upstash";
  const load: { -readonly [Name in keyof Load]: Load[Name] } = { messages: 0, sessions: 0 };
  for (let index = 0; index < args.length; index += 2) {
    const flag = args[index] ?? "";
    const value = args[index + 1];
    if (value === undefined) throw new RangeError(`${flag} has no value`);
    if (flag === "--store") {
      const found = COSTED_STORES.find((each) => each === value);
      if (found === undefined) throw new RangeError(`--store is ${value}, expected ${COSTED_STORES.join(" or ")}`);
      store = found;
      continue;
    }
    const known = Object.entries(FLAGS).find(([, { name }]) => flag === `--${name}`);
    if (known === undefined) throw new RangeError(`there is no ${flag}`);
    const [key, { least }] = known;
    const number = Number(value);
    if (value.trim() === "" || !Number.isFinite(number) || number < least) {
      throw new RangeError(`${flag} is ${value}, expected a number of ${least} or more`);
    }
    if (key === "qos" && number !== 1 && number !== 2) throw new RangeError(`--qos is ${value}, expected 1 or 2`);
    // The key is one of Load, whose values are numbers; that of `qos` was checked.
    Object.assign(load, { [key]: number });
  }
  return { store, load };
}

/** The answer, line by line. */
export function answerOf({ store, load }: CostQuestion): string {
  const { lines, trips, commands, usd } = costOf(store, load);
  const row = (what: string, ...values: readonly string[]) =>
    what.padEnd(40) + values.map((value) => value.padStart(18)).join("");
  const numbers = (each: { readonly trips: number; readonly commands: number }) =>
    [each.trips, ...(usd === undefined ? [] : [each.commands])].map((value) => Math.ceil(value).toLocaleString("en"));
  return [
    row(store, "round trips", ...(usd === undefined ? [] : ["commands"])),
    ...lines.filter((each) => each.trips > 0 || each.commands > 0).map((each) => row(each.what, ...numbers(each))),
    row("all", ...numbers({ trips, commands })),
    usd === undefined ? "no price by the command" : row("price", "", `${usd.toFixed(2)} USD`),
  ].join("\n");
}

function usage(): string {
  const flags = Object.values(FLAGS).map(({ name, says }) => `  --${name.padEnd(12)}${says}`);
  return ["deno task cost", `  --${"store".padEnd(12)}${COSTED_STORES.join(" or ")}; default upstash`, ...flags].join(
    "\n",
  );
}

if (import.meta.main) {
  try {
    if (Deno.args.length === 0) throw new RangeError("nothing was asked for");
    console.log(answerOf(readQuestion(Deno.args)));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(`Cannot reckon: ${error.message}\n${usage()}`);
    Deno.exit(2);
  }
}
