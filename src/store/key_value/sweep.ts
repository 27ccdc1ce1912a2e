/** Removing what an ended session left, and large values that were never made visible: some of it with every call. */
import type { SweepWork } from "../session_store.ts";
import { chunkKeys } from "./chunks.ts";
import { deleteAll, layoutFor, listUpTo, type StoreContext } from "./context.ts";
import { decodeDue } from "./due_row.ts";
import { decodeHead } from "./head.ts";
import { below, ROW } from "./layout.ts";
import { readable } from "./load.ts";
import { decodeSubscription } from "./rows.ts";

/** The most rows that one call removes. What is left is due again at once, since its due row stays. */
const ROWS_A_CALL = 500;

/** Carries a piece of work out. */
export async function sweep(context: StoreContext, work: SweepWork): Promise<void> {
  const { clientId, incarnation, dueAt } = work;
  const { driver } = context;
  const layout = await layoutFor(context, [clientId, incarnation]);
  const headKey = layout.head(clientId);
  const dueKey = layout.dueSweep(dueAt, clientId, incarnation);
  const rows = layout.rows(clientId, incarnation);
  const [[headEntry], left, staged] = await Promise.all([
    driver.get([headKey]),
    listUpTo(driver, below(rows), ROWS_A_CALL),
    listUpTo(driver, below(layout.stagedAt(dueAt, clientId, incarnation)), ROWS_A_CALL),
  ]);
  for (const { key, value, version } of staged) {
    const row = decodeDue(key, value);
    // Whoever makes the parts visible deletes this row, and checks it: only one of the two can be first.
    if (row.type !== "staged") continue;
    if (await driver.commit([{ key, version }], [{ type: "delete", key }]) === undefined) continue;
    await deleteAll(driver, chunkKeys(row.prefix, row.chunks));
  }
  const lives = headEntry !== undefined && decodeHead(headKey, headEntry.value).incarnation === incarnation;
  if (lives) return;
  const subscriptions = below(ROW.subscriptions(rows));
  const routes: string[] = [];
  for (const { key, value } of left) {
    if (key < subscriptions.start || key >= subscriptions.end) continue;
    const record = readable(() => decodeSubscription(key, value));
    if (record === undefined) continue;
    await layout.prepare([record.filter]);
    routes.push(layout.route(record.filter, clientId, incarnation));
  }
  // Routes before the rows that name them, the due row last: a crash between them leaves what is needed to go on.
  await deleteAll(driver, routes);
  await deleteAll(driver, left.map(({ key }) => key));
  if (left.length < ROWS_A_CALL) await deleteAll(driver, [dueKey]);
}
