import { parseFilter } from "../mqtt/filter.ts";
import type { SubscriptionRequest } from "../mqtt/packet.ts";
import { REASON } from "../mqtt/reason_code.ts";
import type { ResolvedOptions } from "./options.ts";
import { isAllowed } from "./permission.ts";
import { persistently } from "./within.ts";

/**
 * One verdict per filter, in order: the level asked for, 0x87 where the host refuses, 0x97 where the filter cannot be
 * routed (D7). Rejects when the store cannot be asked.
 */
export async function judgeFilters(
  options: ResolvedOptions,
  { clientId, principal }: { readonly clientId: string; readonly principal: string | undefined },
  requests: readonly SubscriptionRequest[],
): Promise<readonly number[]> {
  const who = { clientId, ...(principal === undefined ? {} : { principal }) };
  const verdicts = await Promise.all(requests.map(async ({ filter, qos }): Promise<number> => {
    const allowed = await isAllowed(options, { ...who, action: "subscribe", topic: filter, qos });
    return allowed ? qos : REASON.notAuthorized;
  }));
  const filters = requests.filter((_, index) => (verdicts[index] ?? 0) < 0x80).map(({ filter }) => {
    const parsed = parseFilter(filter);
    return parsed?.filter ?? filter;
  });
  if (filters.length === 0) return verdicts;
  const admitted = await persistently(
    options.environment,
    options.commit,
    "admit filters",
    (signal) => options.store.admitFilters(filters, { signal }),
    options.observe,
  );
  let next = 0;
  return verdicts.map((verdict) => verdict < 0x80 && !admitted[next++] ? REASON.quotaExceeded : verdict);
}
