/**
 * Faults put into the machine's outputs on purpose, one line each, to show that each check can fail.
 *
 * @module
 */
import type { Change, Effect, Event, PublishPacket, ServerPacket, StepResult } from "../../../src/machine/mod.ts";
import type { Fault } from "./link.ts";

/** A fault and the invariant that must notice it. */
export interface FaultCase {
  readonly name: string;
  /** How the name of the broken invariant begins; of several that may be first, any. */
  readonly breaks: readonly string[];
  /** A fault may remember what went by, so each run has its own. */
  make(): Fault;
}

/** The law alone would notice these: the wire must too. */
const UNLAWFUL = { skipsLaw: true } as const;

function onPackets(change: (packet: ServerPacket, event: Event) => readonly ServerPacket[]): Fault {
  const effectOf = (effect: Effect, event: Event): readonly Effect[] =>
    effect.type === "sendPacket"
      ? change(effect.packet, event).map((packet) => ({ type: "sendPacket", packet }))
      : [effect];
  return {
    result: (result, event) => ({ ...result, effects: result.effects.flatMap((effect) => effectOf(effect, event)) }),
  };
}

function onPublish(change: (packet: PublishPacket) => PublishPacket): Fault {
  return onPackets((packet) => [packet.type === "publish" ? change(packet) : packet]);
}

function onChanges(change: (changes: readonly Change[]) => readonly Change[]): Fault {
  return { ...UNLAWFUL, result: (result) => ({ ...result, changes: change(result.changes) }) };
}

function without(...types: readonly Change["type"][]): (changes: readonly Change[]) => readonly Change[] {
  return (changes) => changes.filter(({ type }) => !types.includes(type));
}

function onAcquired(change: (event: Extract<Event, { type: "sessionAcquired" }>) => Event): Fault {
  return { event: (event) => event.type === "sessionAcquired" ? change(event) : event };
}

function reversed(result: StepResult): StepResult {
  const sends = result.effects.filter(({ type }) => type === "sendPacket");
  const others = result.effects.filter(({ type }) => type !== "sendPacket");
  const [first, ...rest] = sends;
  return first?.type === "sendPacket" && first.packet.type === "connack"
    ? { ...result, effects: [first, ...rest.toReversed(), ...others] }
    : { ...result, effects: [...sends.toReversed(), ...others] };
}

export const FAULTS: readonly FaultCase[] = [
  {
    name: "an identifier is used by two entries at once",
    breaks: ["1 "],
    make: () => onPublish((packet) => packet.qos === 0 ? packet : { ...packet, packetId: 7 }),
  },
  {
    name: "the client's Receive Maximum is not looked at",
    breaks: ["2 "],
    make: () => ({
      event: (event) => {
        if (event.type !== "packetReceived" || event.packet.type !== "connect") return event;
        const { receiveMaximum: _ignored, ...packet } = event.packet;
        return { ...event, packet };
      },
    }),
  },
  {
    name: "the quota of an earlier connection is carried over",
    breaks: ["2 "],
    make: () => {
      const quotas = new Map<string, number>();
      return {
        event: (event) => {
          if (event.type !== "packetReceived" || event.packet.type !== "connect") return event;
          const { receiveMaximum = 65_535, clientId } = event.packet;
          const carried = quotas.get(clientId) ?? receiveMaximum;
          quotas.set(clientId, receiveMaximum);
          return { ...event, packet: { ...event.packet, receiveMaximum: carried } };
        },
      };
    },
  },
  {
    name: "the limit of what may be sent is not stored before sending",
    breaks: ["4 "],
    make: () => onChanges(without("putSentLimit")),
  },
  {
    name: "a PUBREC is not stored",
    breaks: ["3 "],
    make: () =>
      onChanges((changes) => {
        const released = changes.flatMap((change) =>
          change.type === "putOutboundMark" && change.mark.phase === "released" ? [change.sequence] : []
        );
        return changes.filter((change) => !("sequence" in change) || !released.includes(change.sequence));
      }),
  },
  {
    name: "DUP is never set",
    breaks: ["4 "],
    make: () => onPublish((packet) => ({ ...packet, dup: false })),
  },
  {
    name: "DUP is always set",
    breaks: ["4 "],
    make: () => onPublish((packet) => ({ ...packet, dup: packet.qos > 0 })),
  },
  {
    name: "what was started is forgotten at a reconnect",
    breaks: ["4 "],
    make: () => ({ ...UNLAWFUL, ...onAcquired((event) => ({ ...event, startedThrough: 0 })) }),
  },
  {
    name: "QoS 0 is sent again",
    breaks: ["4 "],
    make: () => onPackets((packet) => packet.type === "publish" && packet.qos === 0 ? [packet, packet] : [packet]),
  },
  {
    name: "PUBREL is sent twice",
    breaks: ["5 "],
    make: () => onPackets((packet) => packet.type === "pubrel" ? [packet, packet] : [packet]),
  },
  {
    name: "inbound ids are forgotten at a reconnect",
    breaks: ["6 "],
    make: () => ({
      ...UNLAWFUL,
      ...onAcquired((event) => ({ ...event, snapshot: { ...event.snapshot, inbound: new Set() } })),
    }),
  },
  {
    name: "PUBCOMP is left out",
    breaks: ["7 "],
    make: () => onPackets((packet) => packet.type === "pubcomp" ? [] : [packet]),
  },
  {
    name: "an answer names another identifier",
    breaks: ["8 "],
    make: () =>
      onPackets((packet) => [packet.type === "puback" ? { ...packet, packetId: packet.packetId + 1 } : packet]),
  },
  {
    name: "resends leave in the opposite order",
    breaks: ["8 ", "16 "],
    make: () => ({ result: reversed }),
  },
  {
    name: "Session Present is always 0",
    breaks: ["9 "],
    make: () => onPackets((packet) => [packet.type === "connack" ? { ...packet, sessionPresent: false } : packet]),
  },
  {
    name: "a superseded connection still answers",
    breaks: ["10 "],
    make: () => ({
      result: (result, event) =>
        event.type === "superseded"
          ? { ...result, effects: [{ type: "sendPacket", packet: { type: "pingresp" } }, ...result.effects] }
          : result,
    }),
  },
  {
    name: "a Will is published and stays",
    breaks: ["11 "],
    make: () => onChanges(without("deleteWill")),
  },
  {
    name: "the Will's timer is armed while attached",
    breaks: ["12 "],
    make: () => ({
      ...UNLAWFUL,
      ...onAcquired((event) => ({
        ...event,
        snapshot: { ...event.snapshot, head: { ...event.snapshot.head, willDueAt: 1 } },
      })),
    }),
  },
  {
    name: "a message of another session is sent",
    breaks: ["13 "],
    make: () => onPublish((packet) => ({ ...packet, payload: new Uint8Array(4) })),
  },
  {
    name: "a snapshot holds a quota",
    breaks: ["15 "],
    make: () => ({
      ...UNLAWFUL,
      ...onAcquired((event) => {
        const head = { ...event.snapshot.head, quota: 3 };
        return { ...event, snapshot: { ...event.snapshot, head } };
      }),
    }),
  },
  {
    name: "a message that has expired is sent",
    breaks: ["17 "],
    make: () => ({
      event: (event) =>
        event.type === "queueLoaded" ? { ...event, messages: event.messages.map(withoutExpiry) } : event,
    }),
  },
  {
    name: "what was never sent is lost as sent",
    breaks: ["18 "],
    make: () => onAcquired((event) => ({ ...event, startedThrough: Infinity, tail: Infinity })),
  },
  {
    name: "the head is changed and not put",
    breaks: ["the law of D9"],
    make: () => ({ result: (result) => ({ ...result, changes: without("putHead")(result.changes) }) }),
  },
];

function withoutExpiry<T extends { readonly expiresAt?: number }>(message: T): T {
  return { ...message, expiresAt: 9e15 };
}
