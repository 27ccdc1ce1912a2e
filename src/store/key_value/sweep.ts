/** Removing what an ended session left, and large values that were never made visible: some of it with every call. */
import type { SweepWork } from "../due_work.ts";
import { stepwise, together } from "../call.ts";
import { deleteAll, layoutFor, listUpTo, type StoreContext } from "./context.ts";
import { checkParts, decodeDue } from "./due_row.ts";
import { forgetEnded } from "./ended.ts";
import { decodeHead } from "./head.ts";
import { below, lastPart, ROW } from "./layout.ts";

/** The most rows that one call removes. What is left is due again at once, since its due row stays. */
const ROWS_A_CALL = 500;

/** Carries a piece of work out. */
export function sweep(context: StoreContext, work: SweepWork): Promise<void> {
  return stepwise((wrote) => remove(context, work, wrote));
}

async function remove(context: StoreContext, work: SweepWork, wrote: () => void): Promise<void> {
  const { clientId, incarnation, dueAt } = work;
  const { driver } = context;
  const layout = await layoutFor(context, [clientId, incarnation]);
  const headKey = layout.head(clientId);
  const dueKey = layout.dueSweep(dueAt, clientId, incarnation);
  const rows = layout.rows(clientId, incarnation);
  const [[headEntry, endedEntry], left, staged] = await together([
    driver.get([headKey, layout.ended(clientId)]),
    listUpTo(driver, below(rows), ROWS_A_CALL),
    listUpTo(driver, below(layout.stagedAt(dueAt, incarnation)), ROWS_A_CALL),
  ]);
  for (const { key, value, version } of staged) {
    const row = decodeDue(key, value);
    // Whoever makes the parts visible deletes this row, and checks it: only one of the two can be first.
    if (row.type !== "staged") continue;
    checkParts(key, row);
    if (await driver.commit([{ key, version }], [{ type: "delete", key }]) === undefined) continue;
    wrote();
    // What is there, and not what the row claims.
    await deleteAll(driver, (await listUpTo(driver, below(row.prefix), Infinity)).map((part) => part.key));
  }
  const lives = headEntry !== undefined && decodeHead(headKey, headEntry.value).incarnation === incarnation;
  if (lives) return;
  await forgetEnded(context, endedEntry, work);
  const keys = left.map(({ key }) => key);
  const subscriptions = ROW.subscriptions(rows);
  const routes = keys.filter((key) => key.startsWith(subscriptions))
    .map((key) => layout.routeAt(lastPart(key), clientId, incarnation));
  const client = ROW.client(rows);
  // Routes before the rows that name them, the due row last, with the name that it needs: a crash between them leaves
  // what is needed to go on.
  await deleteAll(driver, routes);
  await deleteAll(driver, keys.filter((key) => !key.startsWith(client)));
  if (left.length < ROWS_A_CALL) await deleteAll(driver, [...keys.filter((key) => key.startsWith(client)), dueKey]);
}
