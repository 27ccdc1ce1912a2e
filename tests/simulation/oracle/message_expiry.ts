/** Message Expiry Interval: nothing begins to be sent after its time, and what is forwarded is what is left (MQ-04 to MQ-08). */
import type { Arrival } from "./arrival.ts";
import type { Knowledge } from "./knowledge.ts";
import { seenAfterMs } from "./lifetime.ts";
import { latestArrival, type Message } from "./message.ts";

/** A copy came. */
export function judgeExpiry(knowledge: Knowledge, { connection, packet, kind }: Arrival, message: Message): void {
  const { at, bounds } = knowledge;
  const report = (rule: string, text: string) => {
    knowledge.report(rule, connection.client.name, `${message.text} on connection ${connection.number} ${text}`);
  };
  const { messageExpiryInterval: left } = packet;
  const { expiryMs } = message;
  if (expiryMs === undefined) {
    if (left !== undefined) report("Message Expiry Interval", `carries ${left} s, published with none`);
    return;
  }
  const waited = at - seenAfterMs(bounds) - latestArrival(message) - 2 * bounds.clockMs;
  // A resend is not bound to the time: it began before.
  const isFresh = !packet.dup && kind !== "again";
  if (isFresh && waited > expiryMs) report("message expired", `had waited ${waited} ms of ${expiryMs}`);
  if (connection.version === 4) return;
  if (left === undefined) return isFresh ? report("Message Expiry Interval", "carries none") : undefined;
  const whole = expiryMs + 2 * bounds.clockMs;
  const most = Math.max(0, Math.ceil((isFresh ? Math.min(whole, expiryMs - waited) : whole) / 1_000));
  if (left > most) {
    report("Message Expiry Interval", `carries ${left} s, of which at most ${most} are left`);
  }
  const least = Math.floor((expiryMs - (at - message.firstAt) - 2 * bounds.clockMs) / 1_000);
  if (isFresh && left < least) {
    report("Message Expiry Interval", `carries ${left} s, of which at least ${least} are left`);
  }
}
