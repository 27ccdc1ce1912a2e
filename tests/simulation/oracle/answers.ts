/**
 * What the server answers: each answer fits an open request of its connection, in the order of the requests of its kind, once
 * (invariants 7 and 8), and tells of something that the server, as owner of the session, could promise (G3, G4).
 *
 * @module
 */
import type { Connection, OpenRequest } from "./connection.ts";
import type { Knowledge } from "./knowledge.ts";
import type { WireResponse, WireSuback, WireUnsuback } from "./observation.ts";
import { transmissionAnswered } from "./publishing.ts";
import { holdsTheSession } from "./session_present.ts";
import { isSurelyWanted, subscribeAnswered, unsubscribeAnswered } from "./subscriptions.ts";
import { mayBeginTwice } from "./will.ts";

function name(connection: Connection, packet: { readonly type: string; readonly packetId: number }): string {
  return `${packet.type.toUpperCase()} ${packet.packetId} on connection ${connection.number}`;
}

/** Takes the request that an answer is for off its list. */
function requestOf<T extends { readonly packetId: number | undefined }>(
  knowledge: Knowledge,
  connection: Connection,
  open: T[],
  packet: WireResponse,
): T | undefined {
  const index = open.findIndex(({ packetId }) => packetId === packet.packetId);
  const { client } = connection;
  if (index === -1) {
    if (!client.isRude) knowledge.report("answer without request", client.name, name(connection, packet));
    return undefined;
  }
  if (index > 0 && !client.isRude) {
    const text = `${name(connection, packet)} came before that of ${open[0]?.packetId}, which was asked for earlier`;
    knowledge.report("answer order", client.name, text);
  }
  return open.splice(index, 1)[0];
}

/** PUBACK or PUBREC: the message is the server's, or refused. */
export function publishAnswered(knowledge: Knowledge, connection: Connection, packet: WireResponse): void {
  const open = packet.type === "puback" ? connection.pubacks : connection.pubrecs;
  const transmission = requestOf(knowledge, connection, open, packet);
  if (transmission === undefined) return;
  const isAccepted = packet.reasonCode < 0x80;
  const { message } = transmission;
  transmissionAnswered(knowledge, transmission, isAccepted);
  if (packet.type === "pubrec") {
    const { generation } = connection;
    const held = generation?.held.get(packet.packetId);
    if (held !== undefined && isAccepted) held.isAccepted = true;
    else if (!isAccepted) generation?.held.delete(packet.packetId);
  }
  if (message.isRefused && message.arrivedAt !== undefined) {
    knowledge.report(
      "refused message",
      message.arrivedAt,
      `${message.text} was refused, but ${message.arrivedAt} got it`,
    );
  }
  // A repeat within an exchange is answered without a word to the store; so may be a message that nobody wants.
  if (!isAccepted || transmission.beganSeq !== transmission.seq) return;
  const isStored = () => packet.type === "pubrec" || isSurelyWanted(knowledge, message, transmission.seq);
  promised(knowledge, connection, transmission, name(connection, packet), isStored);
}

/** PUBCOMP: the identifier is free again. */
export function releaseAnswered(knowledge: Knowledge, connection: Connection, packet: WireResponse): void {
  const release = requestOf(knowledge, connection, connection.pubcomps, packet);
  if (release === undefined) return;
  const { generation, client } = connection;
  generation?.held.delete(packet.packetId);
  generation?.inheritedHeld.delete(packet.packetId);
  if (!release.isHeld) return;
  if (packet.reasonCode === 0x92) {
    if (client.isRude) return;
    const text = `${name(connection, packet)} says that the identifier is unknown, but its PUBREC was sent`;
    knowledge.report("held identifier", client.name, text);
  } else {
    promised(knowledge, connection, release, name(connection, packet));
  }
}

/** SUBACK or UNSUBACK. */
export function requestAnswered(
  knowledge: Knowledge,
  connection: Connection,
  packet: WireSuback | WireUnsuback,
): void {
  const { client, requests } = connection;
  const wanted = packet.type === "suback" ? "subscribe" : "unsubscribe";
  const request = requests.get(packet.packetId);
  if (request?.type !== wanted) {
    if (!client.isRude) knowledge.report("answer without request", client.name, name(connection, packet));
    return;
  }
  requests.delete(packet.packetId);
  const codes = packet.reasonCodes;
  const wrong = wrongCodes(connection, request, codes);
  if (wrong !== undefined && !client.isRude) {
    const rule = packet.type === "suback" ? "SUBACK codes" : "UNSUBACK codes";
    knowledge.report(rule, client.name, `${name(connection, packet)} ${wrong}`);
  }
  const isStored = packet.type === "suback" ? codes.some((code) => code < 0x80) : codes.includes(0);
  if (isStored) promised(knowledge, connection, request, name(connection, packet));
  if (packet.type === "suback") subscribeAnswered(knowledge, connection, request, codes);
  else unsubscribeAnswered(knowledge, connection, request, codes);
}

function wrongCodes({ version }: Connection, request: OpenRequest, codes: readonly number[]): string | undefined {
  const expected = request.type === "unsubscribe" && version === 4 ? 0 : request.filters.length;
  // A protocol error ([MQTT-3.8.3-4]): the connection ends, and nothing is granted.
  const mayNot = version === 5
    ? request.subscribed.find(({ shared, noLocal }) => shared !== undefined && noLocal)
    : undefined;
  if (mayNot !== undefined) return `answers for ${mayNot.filter} with No Local`;
  if (codes.length !== expected) return `has ${codes.length} codes for ${request.filters.length} filters`;
  for (const [index, code] of codes.entries()) {
    const filter = request.filters[index];
    const asked = request.subscribed[index]?.askedQos;
    if (asked !== undefined && code < 0x80 && code > asked) return `grants ${code} for ${filter}, asked for ${asked}`;
    const wasThere = request.wasThere[index];
    if (wasThere === true && code === 0x11) return `knows nothing of ${filter}, which was subscribed to`;
    if (wasThere === false && code === 0 && request.type === "unsubscribe") {
      return `took ${filter} off, which was not there`;
    }
  }
  return undefined;
}

/** The server promised something that only the owner of the session can, unless it had nothing to store. */
function promised(
  knowledge: Knowledge,
  connection: Connection,
  sent: { readonly seq: number; readonly at: number },
  what: string,
  isStored: () => boolean = () => true,
): void {
  const { client, supersededSeq, will } = connection;
  if (client.isRude) return;
  const isStale = sent.seq > supersededSeq;
  const outlivedWill = will !== undefined && !mayBeginTwice(will) && will.arrivedSeq < sent.seq &&
    will.message.wills.length === 1;
  if ((!isStale && !outlivedWill && client.attempts.length < 2) || !isStored()) return;
  if (isStale) {
    const text = `${what} answers what was sent after another connection had taken the session over`;
    return knowledge.report("stale owner", client.name, text);
  }
  if (outlivedWill) {
    return knowledge.report("Will too early", client.name, `${what} came after the Will of its connection`);
  }
  holdsTheSession(knowledge, connection, sent);
}
