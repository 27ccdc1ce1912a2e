import type { SessionSnapshot } from "../../machine/snapshot.ts";
import { copyOfWill } from "./copies.ts";
import type { SessionRecord } from "./records.ts";

/** The snapshot of a record, as a copy. */
export function snapshotOf(record: SessionRecord): SessionSnapshot {
  return {
    clientId: record.clientId,
    incarnation: record.incarnation,
    head: { ...record.head },
    ...(record.will === undefined ? {} : { will: copyOfWill(record.will) }),
    subscriptions: copyOfMap(record.subscriptions),
    outbound: copyOfMap(record.outbound),
    quarantine: new Set(record.quarantine),
    inbound: new Set(record.inbound),
  };
}

function copyOfMap<Key, Value extends object>(map: ReadonlyMap<Key, Value> | undefined): Map<Key, Value> {
  const copy = new Map<Key, Value>();
  for (const [key, value] of map ?? []) copy.set(key, { ...value });
  return copy;
}
