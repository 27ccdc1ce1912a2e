/** What may come next in a run, how it is told, and how a whole run is named. */
import type { HeldCall } from "./actor.ts";

/**
 * A choice.
 *
 * - `call`: a call is carried out.
 * - `lost`: it is carried out, its answer is lost, and its caller hears that the outcome is unknown.
 * - `crash`: an actor is heard of no more. That its last call was answered, or that the answer was lost with it, is the
 *   same world: nobody is left who would know. So one choice stands for a crash after a call and before the next.
 * - `finale`: all have ended, and the session is worked off to its end.
 */
export type Choice =
  | { readonly type: "call" | "lost"; readonly actor: number; readonly call: HeldCall }
  | { readonly type: "crash"; readonly actor: number }
  | { readonly type: "finale"; readonly finale: string };

/** Names a choice among those of its actor: the same in every run that came the same way. */
export function nameOf(choice: Choice): string {
  switch (choice.type) {
    case "finale":
      return `finale ${choice.finale}`;
    case "crash":
      return `${choice.actor} crash`;
    case "call":
    case "lost":
      return `${choice.actor} ${choice.type} ${choice.call.ordinal}`;
    default:
      return choice satisfies never;
  }
}

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";

/** The number of a choice among those that there were, as one character. */
export function digitOf(index: number): string {
  const digit = DIGITS[index];
  if (digit === undefined) throw new RangeError(`Cannot name a schedule: it chooses among more than ${DIGITS.length}`);
  return digit;
}

/** The world and the choices of a schedule as it is written: `takeover/first,second:0120`. */
export function readSchedule(text: string): { readonly world: string; readonly choices: readonly number[] } {
  const colon = text.lastIndexOf(":");
  const choices = Array.from(text.slice(colon + 1), (digit) => DIGITS.indexOf(digit));
  if (colon < 1 || choices.includes(-1)) throw new RangeError(`Cannot read the schedule ${JSON.stringify(text)}`);
  return { world: text.slice(0, colon), choices };
}
