/**
 * Reading what an outbox still holds.
 *
 * @module
 */
import { willMessage } from "../../machine/rules/will.ts";
import type { Message } from "../../mqtt/message.ts";
import { unreadable } from "../../store/encoding.ts";
import { decodeOwedMessage, decodeOwedReceivers } from "../../store/records/owed.ts";
import type { OutboxEntry } from "../../store/session_store.ts";
import type { StoreCallOptions } from "../../store/call.ts";
import { ask, keysFor, type RedisContext } from "./context.ts";
import { debtorOf } from "./debtors.ts";
import { bytesOf, named, nameOf, wholeOf } from "./fields.ts";
import { followUps } from "./index.ts";
import { READ_OWED } from "./lua/owed.ts";
import { readWillText } from "./rows.ts";

/** Reads entries, oldest first. */
export async function readOutbox(
  context: RedisContext,
  outboxId: string,
  limit: number,
  call?: StoreCallOptions,
): Promise<readonly OutboxEntry[]> {
  const keys = await keysFor(context, []);
  // Whoever empties an outbox looks whether it is empty.
  if (context.debtors.wasEmptied(named(outboxId))) return [];
  const debtor = context.cluster ? await debtorOf(context, keys, outboxId, call) : undefined;
  const key = debtor === undefined ? keys.shared("owed") : keys.besideOf(debtor, "owed");
  const name = named(outboxId);
  const entries = await ask(context, {
    script: READ_OWED,
    keys: [key],
    args: [name, limit],
    doing: "read an outbox",
    writes: false,
    read: (_, reader) => {
      const found: { number: number; cursor: number; total: number; what: string; whom: string }[] = [];
      while (reader.left > 0) {
        found.push({
          number: reader.number(),
          cursor: reader.number(),
          total: reader.number(),
          what: reader.text(),
          whom: reader.text(),
        });
      }
      return found;
    },
  }, call);
  if (entries.length === 0 && debtor !== undefined) {
    // The index named it though it is empty: whoever emptied it did not come to the end.
    await followUps(context, keys, [{
      part: debtor,
      changes: [{ key: "due", command: "ZREM", args: [`o/${name}`] }],
    }], call);
  }
  return entries.map(({ number, cursor, total, what, whom }): OutboxEntry => {
    const field = `${key}/${name}/${number}`;
    return {
      outboxId,
      number,
      message: readOwed(field, what),
      ...(total < 0 ? {} : { receivers: decodeOwedReceivers(field, bytesOf(field, whom)) }),
      cursor,
    };
  });
}

/** `m` and a message, or `w`, when it was released, whose it was, and a Will. */
function readOwed(key: string, text: string): Message {
  if (text.startsWith("m")) return decodeOwedMessage(key, bytesOf(key, text.slice(1)));
  const [releasedAt = "", clientId = "", will] = text.slice(1).split(" ");
  if (!text.startsWith("w") || will === undefined) throw unreadable(key, "it is no message");
  return willMessage(readWillText(key, will), nameOf(clientId), wholeOf(key, releasedAt));
}
