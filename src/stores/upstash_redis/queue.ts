/**
 * Entries of a log, and pages of them.
 *
 * @module
 */
import type { Message, QueuedMessage } from "../../mqtt/message.ts";
import {
  type ByteReader,
  ByteWriter,
  decodeRecord,
  isUnreadable,
  RECORD_KIND,
  recordWriter,
  unreadable,
} from "../../store/encoding.ts";
import { DROP_REASONS } from "../../store/records/drops.ts";
import {
  type MessageBody,
  readBody,
  readClaim,
  readCopyFlags,
  readNumbers,
  writeBody,
  writeClaim,
  writeCopyFlags,
  writeNumbers,
} from "../../store/records/message.ts";
import type { DeliveryReceiver, Guard, QueuePage, QueuePosition } from "../../store/session_store.ts";
import type { LoggedTerms } from "../../store/waiting_terms.ts";
import type { StoreCallOptions } from "../../store/call.ts";
import { ask, keysFor, type RedisContext } from "./context.ts";
import { bytesOf, named, nameOf, wholeOf } from "./fields.ts";
import { ASIDE, PAGE_OF_LOG } from "./lua/reading.ts";
import { type ReplyReader, toText } from "./text.ts";

/** What is a copy's own, as it stands in front of what all copies share. */
export function headerText(
  receiver: Pick<DeliveryReceiver, "qos" | "retain" | "subscriptionIdentifiers" | "claimed">,
): string {
  const writer = new ByteWriter();
  writeCopyFlags(writer, receiver);
  writeNumbers(writer, receiver.subscriptionIdentifiers);
  if (receiver.claimed !== undefined) writeClaim(writer, receiver.claimed);
  return toText(writer.finish());
}

/** What all copies of a message share. */
export function bodyText(message: Message): string {
  const writer = recordWriter(RECORD_KIND.queued);
  writeBody(writer, message);
  return toText(writer.finish());
}

/** An entry as a page tells it. */
export interface PageEntry {
  readonly field: string;
  readonly value: string;
}

/** A page as a script tells it. */
export interface RawPage {
  readonly through: number;
  readonly tail: number;
  readonly entries: readonly PageEntry[];
}

/** Reads a page from a reply. */
export function readRawPage(reader: ReplyReader): RawPage {
  const through = reader.number();
  const tail = reader.number();
  const entries = reader.list(() => ({ field: reader.text(), value: reader.text() }));
  return { through, tail, entries };
}

/** Decodes a page; entries that cannot be read are moved aside and counted. */
export async function pageOf(
  context: RedisContext,
  clientId: string,
  incarnation: string,
  { through, tail, entries }: RawPage,
): Promise<QueuePage> {
  const messages: QueuedMessage[] = [];
  const terms = new Map<number, LoggedTerms>();
  const aside: PageEntry[] = [];
  const keys = await keysFor(context, [clientId]);
  const key = keys.log(clientId);
  for (const entry of entries) {
    try {
      const message = readEntry(`${key}/${entry.field}`, entry);
      messages.push(message);
      const found = readTerms(entry);
      if (found !== undefined) terms.set(message.sequence, found);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      aside.push(entry);
    }
  }
  if (aside.length > 0) {
    await ask(context, {
      script: ASIDE,
      keys: [key, keys.rowsOf(keys.part(clientId))],
      args: [
        named(incarnation),
        DROP_REASONS.indexOf("unreadable") + 1,
        aside.length,
        ...aside.flatMap(({ field, value }) => [field, value]),
      ],
      doing: "set entries of a log aside",
      writes: true,
      read: () => {},
    });
  }
  return { messages, through, tail, unreadable: aside.length, ...(terms.size === 0 ? {} : { terms }) };
}

/** Reads a page of the log of a guard. */
export async function readQueue(
  context: RedisContext,
  { clientId, incarnation }: Guard,
  { after, messages, bytes }: QueuePosition,
  call?: StoreCallOptions,
): Promise<QueuePage> {
  const keys = await keysFor(context, [clientId]);
  const key = keys.log(clientId);
  const page = await ask(context, {
    script: PAGE_OF_LOG,
    keys: [key],
    args: [named(incarnation), after, messages, bytes],
    doing: "read a log",
    writes: false,
    read: (status, reader) => {
      if (status === "x") throw unreadable(key, "its state is none");
      return status === "n" ? undefined : readRawPage(reader);
    },
  }, call);
  if (page === undefined) return { messages: [], through: 0, tail: 0, unreadable: 0 };
  return await pageOf(context, clientId, incarnation, page);
}

/** An entry is `<size> <light>;<header>;<body>`, with ` <rank> <group> <slot>` behind `<light>` where it has terms. */
function readEntry(key: string, { field, value }: PageEntry): QueuedMessage {
  const [weight = "", header, body, ...rest] = value.split(";");
  if (header === undefined || body === undefined || rest.length > 0 || !/^\d+ [01]( \d \S+ \S+)?$/.test(weight)) {
    throw unreadable(key, "it is no entry");
  }
  const shared: MessageBody = decodeRecord(key, bytesOf(key, body), RECORD_KIND.queued, readBody);
  const copy = decodeHeader(key, bytesOf(key, header));
  return { ...shared, sequence: wholeOf(key, field), ...copy };
}

/** Rank, group and slot as an entry holds them, which has been read. */
function readTerms({ value }: PageEntry): LoggedTerms | undefined {
  const [, rank, group = "-", slot = "-"] = /^\d+ [01] (\d) (\S+) ([^ ;]+);/.exec(value) ?? [];
  if (rank === undefined) return undefined;
  return {
    ...(slot === "-" ? {} : { slot: nameOf(slot.slice(1)) }),
    ...(group === "-" ? {} : { group: { name: nameOf(group.slice(1)) } }),
    ...(rank === "0" ? {} : { priority: Number(rank) }),
  };
}

/** Rank, group and slot as an entry holds them; nothing where it waits under no terms. */
export function termsText(terms: LoggedTerms | undefined): string {
  if (terms === undefined) return "";
  const { slot, group, priority = 0 } = terms;
  return ` ${priority} ${group === undefined ? "-" : `g${named(group.name)}`} ${
    slot === undefined ? "-" : `s${named(slot)}`
  }`;
}

function decodeHeader(
  key: string,
  bytes: Uint8Array,
): Pick<QueuedMessage, "qos" | "retain" | "subscriptionIdentifiers" | "claimed"> {
  // Framed as a record, so that it is read by the same rules.
  const framed = recordWriter(RECORD_KIND.queued).raw(bytes).finish();
  return decodeRecord(key, framed, RECORD_KIND.queued, (reader: ByteReader) => ({
    ...readCopyFlags(reader),
    subscriptionIdentifiers: readNumbers(reader),
    ...(reader.left > 0 ? { claimed: readClaim(reader) } : {}),
  }));
}
