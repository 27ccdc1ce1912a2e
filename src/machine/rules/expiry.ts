/**
 * Message expiry: the interval runs while a message waits, and stops counting once its delivery has started.
 */
import type { Message } from "../../mqtt/message.ts";

/**
 * The Message Expiry Interval to forward: the received one minus the whole seconds waited ([MQTT-3.3.2-6]), never below 0
 * and never above the received one, even where the clock of the node that took the message was ahead of this one.
 *
 * A started message may be past its time; its resend carries 0 (policy P3).
 */
export function remainingExpiryInterval({ publishedAt }: Message, expiresAt: number, now: number): number {
  return Math.max(0, Math.ceil((expiresAt - Math.max(now, publishedAt)) / 1_000));
}

/** When a message received at `now` with an interval in seconds expires. */
export function expiresAtOf(messageExpiryInterval: number, now: number): number {
  return now + messageExpiryInterval * 1_000;
}
