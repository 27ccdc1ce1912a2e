/**
 * A recording for people: a line or a few for each step.
 *
 * @module
 */
import type { Change } from "../../machine/change.ts";
import type { FlightNote } from "../flight.ts";
import type { Replayed, ReplayedStep } from "./replay.ts";
import type { Standing } from "./standing.ts";

/** How many deliveries in flight are named one by one. */
const MOST_NAMED = 6;

/** What a played line says, for people. */
export function tellReplayed(replayed: Replayed): string {
  switch (replayed.type) {
    case "opened": {
      const { opening, flight, standing } = replayed;
      const whose = opening.snapshot === undefined
        ? "a new connection"
        : `the session of "${opening.snapshot.clientId}"`;
      return `${flight}: ${opening.role}, opened for ${whose}: ${told(standing)}`;
    }
    case "noted":
      return `${replayed.flight}:     ${tellNote(replayed.note)}`;
    case "unplayable":
      return `line ${replayed.line} cannot be played: ${replayed.why}`;
    case "stepped":
      return tellStep(replayed);
    default:
      return replayed satisfies never;
  }
}

function tellNote(note: FlightNote): string {
  switch (note.type) {
    case "acquired": {
      const ended = note.ended === undefined ? "" : `, the stored one ended: ${note.ended}`;
      const superseded = note.superseded ? ", taken from a living owner" : "";
      return `store: acquired, ${note.resumed ? "resumed" : "new"}${ended}${superseded}`;
    }
    case "commit": {
      const again = note.repeated ? ", asked again" : "";
      return `store: ${note.outcome} (changes: ${note.changes}, deliveries: ${note.deliveries})${again}`;
    }
    default:
      return note satisfies never;
  }
}

function tellStep(step: ReplayedStep): string {
  const { flight, n, now, event, before, after, row, result, threw, clientId, differences } = step;
  const state = before.state === after.state ? after.state : `${before.state} → ${after.state}`;
  const whose = clientId === undefined ? "" : ` "${clientId}"`;
  const lines = [
    `${flight}#${n}${whose} at ${now}: ${eventName(event)}`,
    `    ${state}${row === undefined ? "" : ` by ${row}`}; ${told(after)}`,
  ];
  const { requests = [], changes = [], effects = [] } = result ?? {};
  if (requests.length > 0) lines.push(`    asks: ${requests.map(({ type }) => type).join(", ")}`);
  if (changes.length > 0) lines.push(`    changes: ${changes.map(changeName).join(", ")}`);
  if (effects.length > 0) lines.push(`    effects: ${effects.map(effectName).join(", ")}`);
  if (threw !== undefined) lines.push(`    throws: ${threw}`);
  for (const { where, recorded = "nothing", computed = "nothing" } of differences) {
    lines.push(`    DIFFERS at ${where}: recorded ${recorded}, computed ${computed}`);
  }
  return lines.join("\n");
}

/** Where a machine stands, beside the state of the diagram. */
function told({ connection, window, waiting, cursor, tail, unreleased }: Standing): string {
  const parts = [`connection ${connection ?? "none"}`];
  if (window.length > 0) {
    const named = window.slice(0, MOST_NAMED).map(({ sequence, packetId, state }) =>
      `${sequence} as ${packetId} ${state}`
    );
    const more = window.length > MOST_NAMED ? `, ${window.length - MOST_NAMED} more` : "";
    parts.push(`in flight ${named.join(", ")}${more}`);
  }
  if (waiting > 0) parts.push(`${waiting} waiting`);
  if (tail > 0) parts.push(`log read to ${cursor} of ${tail}`);
  if (unreleased.length > 0) parts.push(`unreleased ${unreleased.join(", ")}`);
  return parts.join("; ");
}

function eventName(event: ReplayedStep["event"]): string {
  return event.type === "packetReceived" ? `${event.type} ${packetName(event.packet)}` : event.type;
}

function effectName(effect: { readonly type: string }): string {
  if ("packet" in effect) return `${effect.type} ${packetName(effect.packet as NamedPacket)}`;
  if ("diagnosis" in effect) return `${effect.type} ${effect.diagnosis}`;
  if ("reasonCode" in effect) return `${effect.type} ${hex(effect.reasonCode as number)}`;
  return "reason" in effect ? `${effect.type} ${effect.reason}` : effect.type;
}

function changeName(change: Change): string {
  if ("sequence" in change) return `${change.type} ${change.sequence}`;
  return "packetId" in change ? `${change.type} ${change.packetId}` : change.type;
}

interface NamedPacket {
  readonly type: string;
  readonly packetId?: number;
  readonly reasonCode?: number;
  readonly dup?: boolean;
  readonly qos?: number;
}

function packetName({ type, packetId, reasonCode, dup, qos }: NamedPacket): string {
  const level = qos === undefined ? "" : ` QoS ${qos}`;
  const id = packetId === undefined ? "" : ` ${packetId}`;
  const code = reasonCode === undefined || reasonCode === 0 ? "" : ` ${hex(reasonCode)}`;
  return `${type.toUpperCase()}${level}${id}${dup === true ? " DUP" : ""}${code}`;
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, "0").toUpperCase()}`;
}
