/** Sessions in words, for people. */
import type { SessionExplanation, SessionInspection } from "../admin/mod.ts";
import type { JournalEntry, SessionSummary } from "../store/directory.ts";

/** A moment as people read it. */
export type Moment = (at: number) => string;

/** A line of a listing. Names are quoted, so that no Client Identifier can look like another line. */
export function summaryLine(line: SessionSummary, moment: Moment): string {
  const { clientId, attached, ownerNode, endsAt, subscriptions, queuedMessages, queuedBytes, dropped } = line;
  const state = attached
    ? `attached at ${quoted(ownerNode ?? "")}`
    : endsAt === undefined
    ? "detached, never ends"
    : `detached until ${moment(endsAt)}`;
  const lost = Object.entries(dropped).map(([reason, count]) => `${reason} ${count}`).join(", ");
  return [
    quoted(clientId),
    line.protocolVersion === 5 ? "5.0" : "3.1.1",
    state,
    `${subscriptions} subscriptions`,
    `${queuedMessages} messages of ${queuedBytes} B`,
    ...(lost === "" ? [] : [`lost: ${lost}`]),
  ].join("  ");
}

/** A session, line by line. */
export function inspectionText(found: SessionInspection, moment: Moment): string {
  const { summary, deadlines, will } = found;
  const lines = [
    summaryLine(summary, moment),
    `incarnation ${summary.incarnation}, epoch ${found.epoch}, version ${found.version}`,
    `connected ${moment(summary.connectedAt)}` +
    (summary.disconnectedAt === undefined
      ? ""
      : `, gone ${moment(summary.disconnectedAt)} (0x${(found.disconnectReason ?? 0).toString(16).padStart(2, "0")})`),
    `Session Expiry Interval ${deadlines.sessionExpiryInterval} s`,
  ];
  if (deadlines.endsAt !== undefined) lines.push(`ends ${moment(deadlines.endsAt)}`);
  if (deadlines.willDueAt !== undefined) lines.push(`Will due ${moment(deadlines.willDueAt)}`);
  if (deadlines.ownerUntil !== undefined) lines.push(`node alive until ${moment(deadlines.ownerUntil)}`);
  if (will !== undefined) lines.push(`Will ${quoted(will.topic)} QoS ${will.qos}, ${will.payloadBytes} B`);
  for (const { filter, qos, noLocal, subscriptionIdentifier } of found.subscriptions) {
    const identifier = subscriptionIdentifier === undefined ? "" : `, identifier ${subscriptionIdentifier}`;
    lines.push(`subscribed to ${quoted(filter)} QoS ${qos}${noLocal ? ", No Local" : ""}${identifier}`);
  }
  for (const { sequence, packetId, phase, topic } of found.outbound) {
    const name = topic === undefined ? "" : ` ${quoted(topic)}`;
    lines.push(
      `exchange ${sequence}${packetId === undefined ? "" : `, Packet Identifier ${packetId}`}: ${phase}${name}`,
    );
  }
  if (found.moreOutbound) lines.push("more exchanges");
  if (found.inbound.length > 0) lines.push(`QoS 2 accepted, not released: ${found.inbound.join(", ")}`);
  if (found.quarantine.length > 0) lines.push(`identifiers in quarantine: ${found.quarantine.join(", ")}`);
  if (found.owed > 0) lines.push(`messages owed to others: ${found.owed}`);
  return lines.join("\n") + "\n";
}

/** Why things are with a client as they are, line by line. */
export function explanationText(found: SessionExplanation, moment: Moment): string {
  const lines = [`${quoted(found.clientId)} ${found.exists ? "has a session" : "has no session"}`];
  for (const { at, reason, afterMs, dropped } of found.ends) {
    const after = afterMs === undefined ? "" : `, ${Math.round(afterMs / 1_000)} s after its connection ended`;
    lines.push(`a session ended ${moment(at)}: ${reason}${after}`);
    for (const [why, count] of Object.entries(dropped)) lines.push(`  it had lost: ${count} as ${why}`);
  }
  if (!found.exists && found.ends.length === 0) {
    lines.push(
      "nothing is known of one that ended: none did within a day, or it ended with its connection, its interval being 0",
    );
  }
  for (const [reason, count] of Object.entries(found.dropped)) lines.push(`lost: ${count} as ${reason}`);
  if (found.journal.length > 0) lines.push("journal:");
  for (const entry of found.journal) lines.push(`  ${moment(entry.at)}  epoch ${entry.epoch}  ${entryText(entry)}`);
  return lines.join("\n") + "\n";
}

function entryText(entry: JournalEntry): string {
  switch (entry.type) {
    case "began":
    case "resumed": {
      const from = entry.superseded === undefined ? "" : `, taken from ${entry.superseded}`;
      const before = entry.ended === undefined ? "" : `, the one before ended: ${entry.ended}`;
      return `${entry.type} at ${entry.nodeId}${from}${before}`;
    }
    case "detached":
      return `connection ended with 0x${entry.reasonCode.toString(16).padStart(2, "0")}${
        entry.byOther ? ", as another found" : ""
      }`;
    case "changed":
      return "changed by somebody who did not own it";
    case "ended":
      return `ended: ${entry.reason}`;
    default:
      return entry satisfies never;
  }
}

/** A text in quotes, without a character that a terminal would act on. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
