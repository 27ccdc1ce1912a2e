/** A subscription with its filter, as a session keeps it. */
import type { Subscription } from "../../mqtt/subscription.ts";
import { decodeRecord, RECORD_KIND, recordWriter } from "../encoding.ts";
import { readSubscription, writeSubscription } from "./message.ts";

/** A subscription with its filter. */
export interface SubscriptionRecord {
  readonly filter: string;
  readonly subscription: Subscription;
}

/** Writes a subscription. */
export function encodeSubscription(record: SubscriptionRecord): Uint8Array {
  const writer = recordWriter(RECORD_KIND.subscription).text(record.filter);
  writeSubscription(writer, record.subscription);
  return writer.finish();
}

/** Reads a subscription. */
export function decodeSubscription(key: string, bytes: Uint8Array): SubscriptionRecord {
  return decodeRecord(key, bytes, RECORD_KIND.subscription, (reader) => ({
    filter: reader.text(),
    subscription: readSubscription(reader),
  }));
}
