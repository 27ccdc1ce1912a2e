/**
 * The fields of what a session owns beside its head and log: `w` its Will, `s/` and `S/` its subscriptions (those of
 * shared groups apart, which nobody routes to), `m/` its marks (which stand with the log), `i/` inbound and `q/` quarantined Packet Identifiers, `x/`
 * entries that could not be read.
 *
 * @module
 */
import { isSharedFilter } from "../../mqtt/filter.ts";
import { isPacketId } from "../../mqtt/packet_id.ts";
import type { Subscription } from "../../mqtt/subscription.ts";
import type { Will } from "../../mqtt/will.ts";
import type { OutboundMark, SessionHead, SessionSnapshot } from "../../machine/snapshot.ts";
import { decodeRecord, RECORD_KIND, recordWriter, unreadable } from "../../store/encoding.ts";
import { readSubscription, readWill, writeSubscription, writeWill } from "../../store/records/message.ts";
import { decodeSubscription, encodeSubscription } from "../../store/records/subscription.ts";
import { bytesOf, wholeOf } from "./fields.ts";
import { toText } from "./text.ts";

/** The names of the fields. */
export const ROW = {
  will: "w",
  mark: (sequence: number): string => `m/${sequence}`,
  inbound: (packetId: number): string => `i/${packetId}`,
  quarantine: (packetId: number): string => `q/${packetId}`,
  /** @param part The filter as it stands in keys. */
  subscription: (filter: string, part: string): string => `${isRouted(filter) ? "s" : "S"}/${part}`,
} as const;

const PHASES = ["sent", "released"] as const;

/** Whether a filter is routed by itself; a shared one is not. */
export function isRouted(filter: string): boolean {
  return !isSharedFilter(filter);
}

/** Writes a Will. */
export function willText(will: Will): string {
  const writer = recordWriter(RECORD_KIND.will);
  writeWill(writer, will);
  return toText(writer.finish());
}

/** Reads a Will. */
export function readWillText(key: string, text: string): Will {
  return decodeRecord(key, bytesOf(key, text), RECORD_KIND.will, readWill);
}

/** Writes a mark. */
export function markText({ packetId, phase, pubrecOrder }: OutboundMark): string {
  return `${packetId} ${PHASES.indexOf(phase)} ${pubrecOrder}`;
}

/** Writes a subscription with its filter. */
export function subscriptionText(filter: string, subscription: Subscription): string {
  return toText(encodeSubscription({ filter, subscription }));
}

/** Writes the options of a subscription, as those find it who publish. */
export function routeText(subscription: Subscription): string {
  const writer = recordWriter(RECORD_KIND.route);
  writeSubscription(writer, subscription);
  return toText(writer.finish());
}

/** Reads the options of a subscription. */
export function readRouteText(key: string, text: string): Subscription {
  return decodeRecord(key, bytesOf(key, text), RECORD_KIND.route, readSubscription);
}

/** What the rows say of a session. */
export type OwnRows = Omit<SessionSnapshot, "clientId" | "incarnation" | "head">;

/** Reads the fields of a session's rows, each followed by its value. */
export function readRows(key: string, fields: readonly string[]): OwnRows {
  const subscriptions = new Map<string, Subscription>();
  const outbound = new Map<number, OutboundMark>();
  const inbound = new Set<number>();
  const quarantine = new Set<number>();
  let will: Will | undefined;
  for (let index = 0; index < fields.length; index += 2) {
    const field = fields[index] ?? "";
    const value = fields[index + 1] ?? "";
    const name = `${key}/${field}`;
    switch (field.slice(0, field.indexOf("/") + 1) || field) {
      case ROW.will:
        will = readWillText(name, value);
        break;
      case "s/":
      case "S/": {
        const { filter, subscription } = decodeSubscription(name, bytesOf(name, value));
        subscriptions.set(filter, subscription);
        break;
      }
      case "m/":
        outbound.set(wholeOf(name, field.slice(2)), readMark(name, value));
        break;
      case "i/":
        inbound.add(packetIdOf(name, field));
        break;
      case "q/":
        quarantine.add(packetIdOf(name, field));
        break;
      default:
        // What was set aside, or a later release keeps beside it.
    }
  }
  return { subscriptions, outbound, inbound, quarantine, ...(will === undefined ? {} : { will }) };
}

/** The Session State of a head and its rows. */
export function snapshotOf(clientId: string, incarnation: string, head: SessionHead, rows: OwnRows): SessionSnapshot {
  return { clientId, incarnation, head, ...rows };
}

/** Sequence → phase of every mark. */
export function phasesOf({ outbound }: OwnRows): Map<number, OutboundMark["phase"]> {
  return new Map(Array.from(outbound, ([sequence, { phase }]) => [sequence, phase]));
}

function readMark(key: string, text: string): OutboundMark {
  const [packetId = 0, phase = -1, pubrecOrder = Number.NaN] = text.split(" ").map(Number);
  const word = PHASES[phase];
  if (!isPacketId(packetId) || word === undefined || !Number.isSafeInteger(pubrecOrder)) {
    throw unreadable(key, "it is no mark");
  }
  return { packetId, phase: word, pubrecOrder };
}

function packetIdOf(key: string, field: string): number {
  const packetId = wholeOf(key, field.slice(2));
  if (!isPacketId(packetId)) throw unreadable(key, "a Packet Identifier is none");
  return packetId;
}
