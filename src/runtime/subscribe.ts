import { isSharedFilter } from "../mqtt/filter.ts";
import type { SubscriptionRequest } from "../mqtt/packet.ts";
import * as REASON from "../mqtt/reason.ts";
import type { BrokerContext } from "./context.ts";
import { innerFilterOf } from "./groups/names.ts";
import { isAllowed } from "./permission.ts";
import { persistently } from "./within.ts";

/** Who subscribes. */
export interface Subscriber {
  readonly clientId: string;
  readonly principal: string | undefined;
  /** Makes its session a member of a shared group. Rejects when the store cannot be asked. */
  join(filter: string): Promise<void>;
}

/** A member's name must fit into a filter: what is longer joins no group. */
const MAX_MEMBER_ID = 10_000;

/**
 * One verdict per filter, in order: the level asked for, 0x87 where the host refuses, 0x97 where the filter cannot be
 * routed (D7). Who may subscribe to the filter of a shared one joins its group. Rejects when the store cannot be asked.
 */
export async function judgeFilters(
  { options }: BrokerContext,
  subscriber: Subscriber,
  requests: readonly SubscriptionRequest[],
): Promise<readonly number[]> {
  const { clientId, principal } = subscriber;
  const who = { clientId, ...(principal === undefined ? {} : { principal }) };
  const verdicts = await Promise.all(requests.map(async ({ filter, qos }): Promise<number> => {
    const allowed = await isAllowed(options, { ...who, action: "subscribe", topic: innerFilterOf(filter), qos });
    return allowed ? qos : REASON.notAuthorized;
  }));
  const filters = requests.filter((_, index) => (verdicts[index] ?? 0) < 0x80).map(({ filter }) =>
    innerFilterOf(filter)
  );
  if (filters.length === 0) return verdicts;
  const admitted = await persistently(
    options,
    "admit filters",
    (signal) => options.store.admitFilters(filters, { signal }),
  );
  let next = 0;
  const judged = verdicts.map((verdict) => verdict < 0x80 && !admitted[next++] ? REASON.quotaExceeded : verdict);
  return await Promise.all(requests.map(async ({ filter }, index) => {
    const verdict = judged[index] ?? REASON.unspecifiedError;
    if (verdict >= 0x80 || !isSharedFilter(filter)) return verdict;
    if (clientId.length > MAX_MEMBER_ID) return REASON.quotaExceeded;
    await subscriber.join(filter);
    return verdict;
  }));
}
