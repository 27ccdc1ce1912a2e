/**
 * Which row of the lifecycle tables a step has taken, told from what can be seen of it.
 *
 * @module
 */
import type { Change } from "../../machine/change.ts";
import type { ClientEffect } from "../../machine/client_effect.ts";
import type { ClientEvent } from "../../machine/client_event.ts";
import type { Effect } from "../../machine/effect.ts";
import type { Event } from "../../machine/event.ts";
import { CLIENT_TABLE } from "../../machine/rules/client_lifecycle.ts";
import { ACQUIRE_TABLE, ENDING_TABLE } from "../../machine/rules/lifecycle.ts";
import type { FlightNote } from "../flight.ts";
import type { Standing } from "./standing.ts";

/** What can be seen of a step. */
export interface SeenStep<AnyEvent, AnyEffect> {
  readonly before: Standing;
  readonly event: AnyEvent;
  readonly changes: readonly Change[];
  readonly effects: readonly AnyEffect[];
  readonly after: Standing;
}

/** What the store said of an acquire. */
export type AcquiredNote = Extract<FlightNote, { readonly type: "acquired" }>;

/** The row of a server's step; `undefined` where the session's life is not touched. */
export function serverRow(
  { before, event, changes, effects, after }: SeenStep<Event, Effect>,
  acquired: AcquiredNote | undefined,
): string | undefined {
  if (event.type === "sessionAcquired") return acquired === undefined ? undefined : acquireRow(acquired);
  const { attached, detached, absent } = ENDING_TABLE;
  switch (before.state) {
    case "absent": {
      // Of a connection that sleeps the session is not here, and is another's by now.
      if (before.connection === "asleep" && event.type === "superseded") return attached.superseded.row;
      const isClosed = before.connection !== "closed" && after.connection === "closed";
      return isClosed ? absent.connectionLost.row : undefined;
    }
    case "detached":
      if (event.type === "endRequested") return detached.endRequested.row;
      if (changes.some(({ type }) => type === "endSession")) return detached.expiryDue.row;
      return changes.some(({ type }) => type === "deleteWill") ? detached.willDue.row : undefined;
    case "attached": {
      if (after.state === "attached") return undefined;
      if (event.type === "superseded") return attached.superseded.row;
      if (event.type === "endRequested") return attached.endRequested.row;
      if (event.type === "ownerLost") return attached.ownerLost.row;
      const isFarewell = event.type === "packetReceived" && event.packet.type === "disconnect";
      if (!isFarewell) return attached.connectionLost.row;
      const isToldOff = effects.some((effect) => effect.type === "sendPacket" && effect.packet.type === "disconnect");
      if (isToldOff) return attached.disconnectInvalid.row;
      // 3.1.1 has no code: its packet is read as one with 0.
      return event.packet.reasonCode === 0 ? attached.disconnectNormal.row : attached.disconnectWithWill.row;
    }
    default:
      return undefined;
  }
}

function acquireRow({ resumed, ended, superseded }: AcquiredNote): string {
  const { absent, attached, detached } = ACQUIRE_TABLE;
  if (resumed) return superseded ? attached.goesOn.row : detached.goesOn.row;
  switch (ended) {
    case undefined:
      return absent.any.row;
    case "expired":
      return detached.hasEnded.row;
    case "takenOver":
      return attached.hasEnded.row;
    case "cleanStart":
      return superseded ? attached.cleanStart.row : detached.cleanStart.row;
    default:
      return ended satisfies never;
  }
}

/** The row of a client's step, and whether a server had accepted the session before it. */
export function clientRow(
  { before, event, effects, after }: SeenStep<ClientEvent, ClientEffect>,
  wasEstablished: boolean,
): string | undefined {
  const { idle, connecting, online } = CLIENT_TABLE;
  const isRequest = event.type === "publishRequested" || event.type === "subscribeRequested" ||
    event.type === "unsubscribeRequested";
  switch (before.state) {
    case "idle": {
      if (isRequest) return idle.requested.row;
      if (event.type !== "connectRequested") return undefined;
      if (event.connect.cleanStart) return idle.connectClean.row;
      const isClean = effects.some((effect) =>
        effect.type === "sendPacket" && effect.packet.type === "connect" && effect.packet.cleanStart
      );
      return isClean && !wasEstablished ? idle.connectCleanPending.row : idle.connect.row;
    }
    case "connecting": {
      if (isRequest) return connecting.requested.row;
      if (event.type !== "packetReceived" || event.packet.type !== "connack") {
        return after.state === "idle" ? connecting.connectionClosed.row : undefined;
      }
      const { reasonCode, sessionPresent } = event.packet;
      if (after.state === "idle" && reasonCode !== 0) return connecting.refused.row;
      if (after.state === "idle") return connecting.acceptedUnexpectedly.row;
      if (sessionPresent) return connecting.acceptedPresent.row;
      return wasEstablished ? connecting.acceptedNew.row : connecting.acceptedWithoutState.row;
    }
    case "online":
      if (after.state === "online") return undefined;
      if (event.type === "disconnectRequested") return online.disconnected.row;
      return effects.some((effect) => effect.type === "sendPacket" && effect.packet.type === "disconnect")
        ? online.protocolError.row
        : online.connectionClosed.row;
    default:
      return undefined;
  }
}
