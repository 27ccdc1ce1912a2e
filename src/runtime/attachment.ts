/**
 * What a socket keeps of its connection while its process has no memory: bytes of one versioned encoding, at most
 * {@linkcode ATTACHMENT_BYTES} of them.
 *
 * @module
 */
import type { ConnectionLimits } from "../machine/policy.ts";
import type { RestingConnection } from "../machine/state/resting.ts";
import type { ProtocolVersion } from "../mqtt/packet.ts";
import { type ByteReader, type ByteWriter, decodeRecord, RECORD_KIND, recordWriter } from "../store/encoding.ts";
import { readPacketIds, writePacketIds } from "../store/records/packet_ids.ts";

/** The most bytes that an attachment takes. */
export const ATTACHMENT_BYTES = 2_048;

/** Whose session the connection owns. */
export interface AttachedSession {
  /** The Client Identifier. */
  readonly clientId: string;
  /** The life of the session; `""` while it is being acquired. */
  readonly incarnation: string;
  /** The epoch of its guard. */
  readonly epoch: number;
  /** When the connection was accepted, as its head says. */
  readonly connectedAt: number;
  /** Whom it belongs to, as the host said. */
  readonly principal?: string;
  /** The version of the CONNECT. */
  readonly protocolVersion: ProtocolVersion;
}

/** What is kept of every connection. */
interface Kept {
  /** The owner token of its session. */
  readonly token: string;
  /** Whether what an earlier process left had not been looked for when this was written. */
  readonly isUnchecked: boolean;
}

/** What is kept of a connection. */
export type Attachment =
  /** It has sent nothing that counts. */
  | Kept & { readonly state: "opened"; readonly openedAt: number }
  /** Something was under way: whoever finds this knows that it was lost. */
  | Kept & { readonly state: "underWay"; readonly session: AttachedSession }
  /** It was at rest; `version` is that of the guard, so that an attachment from before a later commit is known as such. */
  | Kept & {
    readonly state: "resting";
    readonly session: AttachedSession;
    readonly version: number;
    readonly connection: RestingConnection;
  };

/** How a connection is resumed. */
export interface Resumed {
  readonly attachment: Attachment;
  readonly bytes: Uint8Array;
}

const STATES = ["opened", "underWay", "resting"] as const satisfies readonly Attachment["state"][];

/** The bytes that a client may take for its names: what is left is enough for all else. */
const NAME_BYTES = 1_536;
/** How many identifiers are named one by one. */
const MOST_IDENTIFIERS = 96;

const encoder = new TextEncoder();

/** Whether names are short enough to be kept in an attachment. */
export function fitsAttachment(...names: readonly (string | undefined)[]): boolean {
  return names.reduce((sum, name = "") => sum + encoder.encode(name).length, 0) <= NAME_BYTES;
}

/** The bytes of an attachment. */
export function encodeAttachment(attachment: Attachment): Uint8Array {
  const { state, token, isUnchecked } = attachment;
  const writer = recordWriter(RECORD_KIND.attachment).number(STATES.indexOf(state)).flags(isUnchecked).text(token);
  if (attachment.state === "opened") return writer.number(whole(attachment.openedAt)).finish();
  const { session } = attachment;
  writer.text(session.clientId).text(session.incarnation).number(session.epoch).number(session.connectedAt)
    .flags(session.protocolVersion === 5, session.principal !== undefined);
  if (session.principal !== undefined) writer.text(session.principal);
  if (attachment.state === "underWay") return writer.finish();
  writeConnection(writer.number(attachment.version), attachment.connection);
  return writer.finish();
}

/**
 * Reads an attachment.
 *
 * @throws {SessionError} `RECORD_FROM_FUTURE` if a later release wrote it, `RECORD_UNREADABLE` if it is none.
 */
export function decodeAttachment(key: string, bytes: Uint8Array): Attachment {
  return decodeRecord(key, bytes, RECORD_KIND.attachment, (reader) => {
    const state = reader.word(STATES);
    const [isUnchecked = false] = reader.flags(1);
    const kept = { token: reader.text(), isUnchecked };
    if (state === "opened") return { state, ...kept, openedAt: reader.number() };
    const session = readSession(reader);
    if (state === "underWay") return { state, ...kept, session };
    const version = reader.number();
    return { state, ...kept, session, version, connection: readConnection(reader, session.protocolVersion) };
  });
}

function readSession(reader: ByteReader): AttachedSession {
  const clientId = reader.text();
  const incarnation = reader.text();
  const epoch = reader.number();
  const connectedAt = reader.number();
  const [isVersion5 = false, hasPrincipal = false] = reader.flags(2);
  return {
    clientId,
    incarnation,
    epoch,
    connectedAt,
    ...(hasPrincipal ? { principal: reader.text() } : {}),
    protocolVersion: isVersion5 ? 5 : 4,
  };
}

function writeConnection(writer: ByteWriter, connection: RestingConnection): void {
  const { maximumPacketSize, limits, authentication, unseenInbound } = connection;
  writer.number(connection.silenceMs).number(whole(connection.lastReceivedAt))
    .number(connection.requestedExpiryInterval).number(connection.longestExpiryInterval).number(connection.sendQuota)
    .number(connection.sentThrough).number(connection.startedThrough).number(connection.lastStarted)
    .number(connection.firstPubrecOrder);
  const named = unseenInbound === "all" || unseenInbound.size > MOST_IDENTIFIERS ? undefined : unseenInbound;
  writer.flags(
    maximumPacketSize !== undefined,
    limits !== undefined,
    authentication !== undefined,
    authentication?.awaitsClient === true,
    named !== undefined,
  );
  if (maximumPacketSize !== undefined) writer.number(maximumPacketSize);
  if (limits !== undefined) writeLimits(writer, limits);
  if (authentication !== undefined) writer.text(authentication.method);
  if (named !== undefined) writePacketIds(writer, named);
}

function readConnection(reader: ByteReader, version: ProtocolVersion): RestingConnection {
  const silenceMs = reader.number();
  const lastReceivedAt = reader.number();
  const requestedExpiryInterval = reader.number();
  const longestExpiryInterval = reader.number();
  const sendQuota = reader.number();
  if (sendQuota < 1 || sendQuota > 65_535) reader.refuse("its quota is none");
  const sentThrough = reader.number();
  const startedThrough = reader.number();
  const lastStarted = reader.number();
  const firstPubrecOrder = reader.number();
  const [hasSize = false, hasLimits = false, hasMethod = false, awaitsClient = false, isNamed = false] = reader.flags(
    5,
  );
  return {
    version,
    silenceMs,
    lastReceivedAt,
    requestedExpiryInterval,
    longestExpiryInterval,
    sendQuota,
    sentThrough,
    startedThrough,
    lastStarted,
    firstPubrecOrder,
    ...(hasSize ? { maximumPacketSize: reader.number() } : {}),
    ...(hasLimits ? { limits: readLimits(reader) } : {}),
    ...(hasMethod ? { authentication: { method: reader.text(), awaitsClient } } : {}),
    unseenInbound: isNamed ? readPacketIds(reader) : "all",
  };
}

/** In the order in which they are written, which never changes. */
const LIMITS = [
  "receiveMaximum",
  "maximumPacketSize",
  "topicAliasMaximum",
  "maximumQoS",
  "retainAvailable",
  "wildcardSubscriptionAvailable",
  "subscriptionIdentifiersAvailable",
  "sharedSubscriptionAvailable",
  "maximumSessionExpiryInterval",
  "minimumSessionExpiryInterval",
  "maximumKeepAlive",
  "maximumInFlight",
  "maximumSubscriptions",
  "maximumTopicLevels",
  "maximumWillBytes",
  "maximumUserProperties",
  "maximumUnreleased",
] as const satisfies readonly (keyof ConnectionLimits)[];

const SWITCHES: ReadonlySet<string> = new Set(LIMITS.slice(4, 8));

function writeLimits(writer: ByteWriter, limits: Partial<ConnectionLimits>): void {
  writer.flags(...LIMITS.map((name) => limits[name] !== undefined));
  for (const name of LIMITS) {
    const limit = limits[name];
    if (limit !== undefined) writer.number(Number(limit));
  }
}

function readLimits(reader: ByteReader): Partial<ConnectionLimits> {
  const has = reader.flags(LIMITS.length);
  const found: Record<string, number | boolean> = {};
  for (const [index, name] of LIMITS.entries()) {
    if (has[index] === true) found[name] = SWITCHES.has(name) ? reader.number() !== 0 : reader.number();
  }
  // Each has the type of its name.
  return found as Partial<ConnectionLimits>;
}

/** A clock may tell parts of a millisecond. */
function whole(at: number): number {
  return Math.max(0, Math.floor(at));
}
