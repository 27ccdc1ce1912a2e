/**
 * From rules by Topic Filter to how copies wait: what a store is told, which knows no topics.
 *
 * @module
 */
import { matches, parseFilter } from "../mqtt/filter.ts";
import { MAX_TERM_LENGTH } from "../store/batch.ts";
import type { WaitingGroup, WaitingTerms } from "../store/waiting_terms.ts";

/**
 * How messages of some topics wait in the logs of sessions. Of several rules the first whose filter matches holds, alone.
 *
 * Bounds, replacing and giving way concern what waits, for each session by itself. What was started, or may have been, is
 * none of it: of a connected session that is as far as `sendAhead` reaches. A log is sent in its order, so a priority
 * decides what gives way first at a limit, and never what is sent first.
 */
export interface QueueRule {
  /** A Topic Filter without `$share`, at most 1 024 UTF-16 units. */
  readonly filter: string;
  /** Of each topic only the last message waits: it takes the place of the one before (`replaced`). Default: false. */
  readonly keepLast?: boolean;
  /** The most messages under this rule that wait for one session. Default: as many as its log takes. */
  readonly maximumMessages?: number;
  /** The most bytes of them. Default: as many as its log takes. */
  readonly maximumBytes?: number;
  /** What gives way at these two: the oldest under this rule, or what comes. Default: `dropOldest`. */
  readonly whenFull?: "dropOldest" | "dropNewest";
  /** 0 to 9; lower ones give way to higher ones, never the other way round. Default: 0. */
  readonly priority?: number;
  /** Whether copies at QoS 0 are kept for sessions that are not connected. Default: as the option of this name says. */
  readonly queueQos0?: boolean;
  /**
   * Whether a copy has the level of the subscription though it was published at a lower one, against [MQTT-3.8.4-8].
   * Default: false.
   */
  readonly upgradeQoS?: boolean;
}

/** What the rules say of one topic. */
export interface RuledTopic {
  /** How copies wait; absent where nothing is said of it. */
  readonly terms?: WaitingTerms;
  /** Whether copies at QoS 0 wait for the disconnected. */
  readonly queueQos0: boolean;
  /** Whether a copy has the level of its subscription. */
  readonly upgradeQoS: boolean;
}

/** The rules, as they are asked. */
export interface QueueRules {
  /** What holds for a topic. */
  of(topic: string): RuledTopic;
}

/**
 * Makes rules ready.
 *
 * @throws {RangeError} If a filter is none, a shared one, or too long.
 */
export function queueRules(rules: readonly QueueRule[], queueQos0: boolean): QueueRules {
  for (const { filter } of rules) {
    if (parseFilter(filter)?.kind !== "plain" || filter.length > MAX_TERM_LENGTH) {
      throw new RangeError(`Cannot make a broker: the filter of a queue rule is "${filter.slice(0, 100)}"`);
    }
  }
  const unruled: RuledTopic = { queueQos0, upgradeQoS: false };
  return {
    of: (topic) => {
      const rule = rules.find(({ filter }) => matches(filter, topic));
      if (rule === undefined) return unruled;
      const terms = termsOf(rule, topic);
      return {
        ...(terms === undefined ? {} : { terms }),
        queueQos0: rule.queueQos0 ?? queueQos0,
        upgradeQoS: rule.upgradeQoS ?? false,
      };
    },
  };
}

function termsOf(rule: QueueRule, topic: string): WaitingTerms | undefined {
  const { keepLast = false, priority = 0 } = rule;
  const group = groupOf(rule);
  // A name that is longer does not fit beside each copy: such topics keep all their messages.
  const hasSlot = keepLast && topic.length <= MAX_TERM_LENGTH;
  if (!hasSlot && priority === 0 && group === undefined) return undefined;
  return {
    ...(hasSlot ? { slot: topic } : {}),
    ...(group === undefined ? {} : { group }),
    ...(priority === 0 ? {} : { priority }),
  };
}

function groupOf(
  { filter, maximumMessages, maximumBytes, whenFull = "dropOldest" }: QueueRule,
): WaitingGroup | undefined {
  if (maximumMessages === undefined && maximumBytes === undefined) return undefined;
  return {
    name: filter,
    maximumMessages: maximumMessages ?? Number.MAX_SAFE_INTEGER,
    maximumBytes: maximumBytes ?? Number.MAX_SAFE_INTEGER,
    whenFull,
  };
}
