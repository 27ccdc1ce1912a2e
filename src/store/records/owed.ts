/** What an outbox holds of an entry: its message, and the receivers that it is owed to. */
import type { Message } from "../../mqtt/message.ts";
import { decodeRecord, RECORD_KIND, recordWriter } from "../encoding.ts";
import type { DeliveryReceiver } from "../session_store.ts";
import { readMessage, readReceivers, writeMessage, writeReceivers } from "./message.ts";

/** Frames the message of an entry. */
export function encodeOwedMessage(message: Message): Uint8Array {
  const writer = recordWriter(RECORD_KIND.outboxEntry);
  writeMessage(writer, message);
  return writer.finish();
}

/** Reads the message of an entry. */
export function decodeOwedMessage(key: string, bytes: Uint8Array): Message {
  return decodeRecord(key, bytes, RECORD_KIND.outboxEntry, readMessage);
}

/** Frames the receivers of an entry. */
export function encodeOwedReceivers(receivers: readonly DeliveryReceiver[]): Uint8Array {
  const writer = recordWriter(RECORD_KIND.outboxEntry);
  writeReceivers(writer, receivers);
  return writer.finish();
}

/** Reads the receivers of an entry. */
export function decodeOwedReceivers(key: string, bytes: Uint8Array): DeliveryReceiver[] {
  return decodeRecord(key, bytes, RECORD_KIND.outboxEntry, readReceivers);
}
