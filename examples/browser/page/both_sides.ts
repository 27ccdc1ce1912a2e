/**
 * What is drawn of each side, from what the client and the server tell.
 *
 * @module
 */
import type { ClientPhase, StoredState } from "@edge-mqtt/session/machine";
import type { ClientInspection, OutgoingLine } from "@edge-mqtt/session/client";
import { type LogEntry, type Look, SHOWN_MESSAGES } from "../look.ts";
import { duration } from "./countdown.ts";
import type { SideLook } from "./side.ts";

/** An interval that never ends. */
const NEVER = 0xffff_ffff;

/** A difference between two clocks that matters, in milliseconds. */
const SKEW_MS = 5_000;

/** What the log calls a phase, by what the machine calls it. */
const PHASES: Readonly<Record<OutgoingLine["phase"], LogEntry["phase"]>> = {
  waiting: "waiting",
  awaitPuback: "sent",
  awaitPubrec: "sent",
  awaitPubcomp: "released",
};

/** The client's side. */
export function clientLook(
  look: ClientInspection | undefined,
  { says, interval }: { readonly says: string; readonly interval: number },
): SideLook<ClientPhase> {
  if (look === undefined) return { state: "idle", says, log: [], total: 0, inboundIds: [], deadlines: [] };
  const { state, outgoing, inboundIds, endsAt, nextDeadlineAt } = look;
  return {
    state: state === "connecting" || state === "online" ? state : "idle",
    says,
    log: outgoing.slice(0, SHOWN_MESSAGES).map(({ topic, phase, ...line }) => ({
      ...line,
      ...(topic === "" ? {} : { topic }),
      phase: PHASES[phase],
    })),
    total: outgoing.length,
    inboundIds: [...inboundIds].sort((a, b) => a - b),
    deadlines: [
      { name: "Session ends", ...(endsAt === undefined ? { says: afterwards(interval) } : { at: endsAt }) },
      {
        name: state === "connecting" ? "CONNACK has to come" : "Keep alive",
        ...(nextDeadlineAt === undefined
          ? { says: state === "online" ? "off" : "not connected" }
          : { at: nextDeadlineAt }),
      },
    ],
  };
}

/** The broker's side; its times are moved to this machine's clock. */
export function brokerLook({ now, node, session }: Look, ownNow: number): SideLook<StoredState> {
  if (session === undefined) {
    return { state: "absent", says: "There is no session.", log: [], total: 0, inboundIds: [], deadlines: [] };
  }
  const { state, ownerNode, endsAt, sessionExpiryInterval: interval, queuedMessages, dropped, log, inboundIds } =
    session;
  // Less than that is the way of the answer, and would let every countdown tremble.
  const skew = Math.abs(ownNow - now) < SKEW_MS ? 0 : ownNow - now;
  const own = (at: number) => at + skew;
  const released = log.filter(({ phase }) => phase === "released").length;
  return {
    state,
    says: [
      state === "attached"
        ? `Owner: ${shortened(ownerNode ?? "a node")}`
        : "No owner: whichever node is asked next goes on",
      ...(state === "attached" && node.status === "down" ? ["which is gone: the next one takes over"] : []),
      ...(dropped === 0 ? [] : [`${dropped} dropped`]),
    ].join(", "),
    log: log.map(({ expiresAt, ...entry }) =>
      expiresAt === undefined ? entry : { ...entry, expiresAt: own(expiresAt) }
    ),
    total: Math.max(log.length, queuedMessages + released),
    inboundIds,
    deadlines: [{
      name: "Session ends",
      ...(endsAt === undefined ? { says: afterwards(interval) } : { at: own(endsAt) }),
    }],
  };
}

/** When a session ends that is connected. */
function afterwards(interval: number): string {
  if (interval === NEVER) return "never";
  return interval === 0 ? "with the connection" : `${duration(interval)} after the connection`;
}

/** A node's name with the beginning of its random part: enough to see that another run owns the session. */
function shortened(node: string): string {
  return node.replace(/(\.[\da-f]{8})-[\da-f-]+$/, "$1…");
}
