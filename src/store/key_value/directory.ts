/** Listing sessions, for people. */
import { readable, readableLater } from "../encoding.ts";
import { sumDrops } from "../records/drops.ts";
import { readJournal } from "../records/journal.ts";
import type { DirectoryPage, JournalEntry, SessionDirectory, SessionSummary } from "../directory.ts";
import { type StoreCallOptions, together } from "../call.ts";
import { getAll, layoutFor, listUpTo, type StoreContext } from "./context.ts";
import { decodeEnded } from "./ended.ts";
import { decodeGate, emptyGate, queueSize } from "./gate.ts";
import { decodeHead, type HeadRecord, ownerNodeOf } from "./head.ts";
import { clientOfIncarnation } from "./long_text.ts";
import { usageOf } from "./places.ts";
import { after, below, lastPart, ROW } from "./layout.ts";

/** The directory of a store. The cursor is the last part of a head's key. */
export function directory(context: StoreContext): SessionDirectory {
  return {
    list: async ({ limit, cursor, signal }): Promise<DirectoryPage> => {
      signal?.throwIfAborted();
      const layout = await layoutFor(context, []);
      const span = below(layout.heads());
      const start = cursor === undefined ? span.start : after(span.start + cursor);
      const entries = await listUpTo(context.driver, { ...span, start }, limit + 1);
      // One that cannot be read must not hide the others; whoever inspects it is told.
      const summaries = await together(
        entries.slice(0, limit).map(({ key, value }) =>
          readableLater(async () => await summaryOf(context, lastPart(key), decodeHead(key, value)))
        ),
      );
      const sessions = summaries.filter((summary) => summary !== undefined);
      const last = entries[limit - 1];
      return { sessions, ...(entries.length > limit && last !== undefined ? { cursor: lastPart(last.key) } : {}) };
    },
    usage: async (principal, options) => {
      options?.signal?.throwIfAborted();
      return await usageOf(context, principal);
    },
    inspect: (clientId, options) => inspect(context, clientId, options),
    journal: async (clientId, options): Promise<readonly JournalEntry[]> => {
      options?.signal?.throwIfAborted();
      const layout = await layoutFor(context, [clientId]);
      const [head, ended] = await context.driver.get([layout.head(clientId), layout.ended(clientId)]);
      const journal = head === undefined
        ? ended && readable(() => decodeEnded(ended.key, ended.value).journal)
        : decodeHead(head.key, head.value, clientId).journal;
      return readJournal(journal ?? "");
    },
  };
}

/** Tells what is stored of one session. */
export async function inspect(
  context: StoreContext,
  clientId: string,
  options?: StoreCallOptions,
): Promise<SessionSummary | undefined> {
  options?.signal?.throwIfAborted();
  const layout = await layoutFor(context, [clientId]);
  const key = layout.head(clientId);
  const [entry] = await context.driver.get([key]);
  return entry && await summaryOf(context, lastPart(key), decodeHead(key, entry.value, clientId));
}

async function summaryOf(context: StoreContext, part: string, head: HeadRecord): Promise<SessionSummary> {
  const { incarnation, session } = head;
  const stored = head.clientId;
  // What is listed last may be swept before it is read: then there is only the digest to name it by.
  const clientId = await clientOfIncarnation(context, await layoutFor(context, []), part, stored, incarnation) ??
    stored;
  const layout = await layoutFor(context, [clientId, incarnation]);
  const gateKey = layout.gate(clientId);
  const [[entry], subscriptions] = await together([
    getAll(context.driver, [gateKey]),
    listUpTo(context.driver, below(ROW.subscriptions(layout.rows(clientId, incarnation))), Infinity),
  ]);
  const gate = entry === undefined ? emptyGate(incarnation, head.epoch, "") : decodeGate(gateKey, entry.value);
  const size = queueSize(gate, head);
  const ownerNode = ownerNodeOf(head);
  const { attached, protocolVersion, connectedAt, disconnectedAt, endsAt } = session;
  return {
    clientId,
    incarnation,
    attached,
    ...(ownerNode === undefined ? {} : { ownerNode }),
    protocolVersion,
    connectedAt,
    ...(disconnectedAt === undefined ? {} : { disconnectedAt }),
    ...(endsAt === undefined ? {} : { endsAt }),
    subscriptions: subscriptions.length,
    queuedMessages: size.messages,
    queuedBytes: size.bytes,
    dropped: sumDrops(gate.drops, head.drops),
  };
}
