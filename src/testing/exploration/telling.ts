/** A run in words. */
import type { InterceptedCall } from "../intercept.ts";
import { textOf } from "./names.ts";

/** Something that happened in a run. */
export interface Happening {
  readonly actor: string;
  /** The call of the port that it belongs to. */
  readonly within?: InterceptedCall;
  readonly call?: InterceptedCall;
  readonly what: "call" | "lost" | "crash" | "finale";
  readonly outcome?: PromiseSettledResult<unknown>;
}

const SHOWN = 140;

/** One line. */
export function lineOf({ actor, within, call, what, outcome }: Happening): string {
  if (what === "crash") return `${actor}: crashes${within === undefined ? "" : `, in ${told(within)}`}`;
  if (call === undefined) return `${actor}: ${what}`;
  const own = within === undefined || within.name === call.name ? "" : `, in ${told(within)}`;
  return `${actor}${own}: ${told(call)} → ${what === "lost" ? "carried out, the answer is lost" : answer(outcome)}`;
}

/** A call with what tells it from others. */
function told({ name, args }: InterceptedCall): string {
  const [first, second] = args;
  if (Array.isArray(first) && first.length === 1 && isNamed(first[0], "id")) return `${name} ${first[0].id}`;
  if (isNamed(first, "token")) return `${name} by ${first.token}`;
  if (name === "commit" && Array.isArray(second)) {
    return `${name} ${short(second.map((each) => `${each.type} ${each.key}`).join(", "))}`;
  }
  return args.length === 0 ? name : `${name} ${short(args.map((each) => textOf(each)).join(", "))}`;
}

function answer(outcome: PromiseSettledResult<unknown> | undefined): string {
  if (outcome === undefined) return "";
  return outcome.status === "rejected" ? `throws ${outcome.reason}` : short(textOf(outcome.value));
}

function short(text: string): string {
  const plain = text.replaceAll(/[^ -~→…]/g, "·");
  return plain.length <= SHOWN ? plain : `${plain.slice(0, SHOWN)}…`;
}

function isNamed<Name extends string>(value: unknown, name: Name): value is Readonly<Record<Name, string>> {
  return typeof value === "object" && value !== null && name in value &&
    typeof (value as Readonly<Record<string, unknown>>)[name] === "string";
}
