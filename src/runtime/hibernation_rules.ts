import type { BrokerContext } from "./context.ts";
import type { Hibernating } from "./hibernating_transport.ts";
import type { Hibernation } from "./hibernation.ts";
import type { letGoOfLostRun } from "./lost_run.ts";
import type { Sleepers, SleepersOptions } from "./sleepers.ts";

/** How a broker works with what sleeps: the option brings it, and a broker without the option does not carry it along. */
export interface HibernationRules {
  /** What sleeps of a broker. */
  readonly sleepers: (options: SleepersOptions) => Sleepers;
  /** What a connection leaves with its socket. */
  readonly remember: (context: BrokerContext, ...known: KnownOfConnection) => Hibernation;
  readonly letGoOfLostRun: typeof letGoOfLostRun;
}

type KnownOfConnection = ConstructorParameters<typeof Hibernation> extends [BrokerContext, ...infer Known] ? Known
  : never;

/**
 * The rules that come with the option; `undefined` without it.
 *
 * @throws {TypeError} If it was not made by `hibernation`.
 */
export function hibernationRules(hibernation: Hibernating | undefined): HibernationRules | undefined {
  if (hibernation === undefined) return undefined;
  const { rules } = hibernation;
  if (typeof rules === "object" && rules !== null && "remember" in rules) {
    // True because `hibernation` alone makes any.
    return rules as HibernationRules;
  }
  throw new TypeError("Cannot make a broker: its hibernation was not made by hibernation");
}
