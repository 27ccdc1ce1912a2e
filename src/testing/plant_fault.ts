import type { FindingKind } from "../store/maintenance.ts";
import { below } from "../store/key_value/layout.ts";
import type { Entry, KeyValueDriver } from "../store/key_value/driver.ts";

/** A fault to be planted in a store, past the store: what of a session is to go wrong. */
export interface PlantedFault {
  /** What is to be found. */
  readonly kind: FindingKind;
  /** The client, whose name needs no escaping. */
  readonly clientId: string;
  /** Its session. */
  readonly incarnation: string;
  /** A filter that it is subscribed to. */
  readonly filter: string;
  /** The node that owns it, if one does. */
  readonly nodeId: string;
}

/**
 * Plants a fault among the rows of a key-value store, as another program or a broken disk would.
 *
 * @param prefix What the store's keys begin with. Default: `mqtt`.
 * @returns Whether rows of this kind can be spoiled.
 */
export async function plantFault(driver: KeyValueDriver, fault: PlantedFault, prefix = "mqtt"): Promise<boolean> {
  const { kind, clientId, incarnation, nodeId } = fault;
  const rows: Entry[] = [];
  const { start, end } = below(`${prefix}/`);
  for (let from = start;;) {
    const limit = Math.min(driver.limits.entriesPerList, 100);
    const page = await driver.list({ start: from, end, limit });
    rows.push(...page.entries);
    const last = page.entries.at(-1);
    if (!page.more || last === undefined) break;
    from = `${last.key} `;
  }
  const remove = async (isIt: (key: string) => boolean): Promise<boolean> => {
    const found = rows.filter(({ key }) => isIt(key));
    for (const { key } of found) await driver.commit([], [{ type: "delete", key }]);
    return found.length > 0;
  };
  const copy = async (isIt: (key: string) => boolean, to: (key: string) => string): Promise<boolean> => {
    const row = rows.find(({ key }) => isIt(key));
    if (row === undefined) return false;
    return await driver.commit([], [{ type: "set", key: to(row.key), value: row.value }]) !== undefined;
  };
  const isDue = (key: string): boolean => key.includes("/due/") && key.endsWith(`/session/${clientId}`);
  const isOwned = (key: string): boolean => key.includes("/owned/") && key.endsWith(`/${nodeId}/${clientId}`);
  switch (kind) {
    case "routeMissing":
      return await remove((key) => key.includes("/route/") && key.endsWith(`/${clientId}/${incarnation}`));
    case "routeOrphaned":
      return await remove((key) => key.includes(`/row/${clientId}/${incarnation}/own/sub/`));
    case "dueMissing":
      return await remove(isDue);
    case "dueOrphaned":
      return await copy(isDue, (key) => key.replace(/\/due\/\d+\//, `/due/${"1".padStart(16, "0")}/`));
    case "ownedMissing":
      return await remove(isOwned);
    case "ownedOrphaned":
      return await copy(isOwned, (key) => key.replace(`/${nodeId}/`, "/stranger/"));
    case "rowsOrphaned":
      return await remove((key) => key.endsWith(`/head/${clientId}`) || key.endsWith(`/gate/${clientId}`));
    case "placeMissing":
      return await remove((key) => key.includes("/place/"));
    case "placeOrphaned":
      return await copy((key) => key.includes("/place/"), (key) => key.replace(/[^/]+$/, "9"));
    case "outboxForgotten":
      return await remove((key) => key.includes("/due/") && key.includes("/outbox/"));
    case "unreadable":
      return false;
    default:
      return kind satisfies never;
  }
}
