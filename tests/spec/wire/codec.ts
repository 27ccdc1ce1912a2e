/**
 * Packets between scenarios and bytes, by npm `mqtt-packet`: bytes inside are text, and what the codec cannot keep apart
 * is brought into one form.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { generate, type Packet } from "mqtt-packet";
import type { Bindings } from "./match.ts";
import { resolved } from "./match.ts";
import type { Fields, Piece, Value, Version } from "./scenario.ts";

/** The bytes of a packet that a scenario sends. User Properties are pairs there. */
export function bytesOf(packet: Fields, version: Version): Uint8Array {
  const { cmd, clientId, clean } = packet;
  if (cmd === "connect" && clientId === "" && clean === false) {
    return withoutCleanStart(bytesOf({ ...packet, clean: true }, version));
  }
  return generate(sendable(packet) as unknown as Packet, { protocolVersion: version });
}

/** The codec refuses to write a CONNECT without an identifier and without Clean Start, which is legal in 5.0. */
function withoutCleanStart(connect: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(connect);
  let at = 1;
  while ((bytes[at] ?? 0) > 127) at += 1;
  const flags = at + 8; // After the length of the packet, the protocol's name with its length, and its version.
  bytes[flags] = (bytes[flags] ?? 0) & ~2;
  return bytes;
}

function sendable(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (name === "userProperties") return [name, grouped(value as readonly (readonly [string, string])[])];
      if (name === "correlationData" || name === "authenticationData") return [name, Buffer.from(String(value))];
      if (name === "will" || name === "properties") return [name, sendable(value as Fields)];
      return [name, value];
    }),
  );
}

function grouped(pairs: readonly (readonly [string, string])[]): Record<string, string | string[]> {
  const groups: Record<string, string | string[]> = {};
  for (const [name, value] of pairs) {
    const before = groups[name];
    groups[name] = before === undefined ? value : [before, value].flat();
  }
  return groups;
}

/** A packet that came, as scenarios expect it. */
export function fieldsOf(packet: Packet): Fields {
  const { length: _, ...fields } = plain(packet) as { readonly length?: number } & Fields;
  return fields;
}

function plain(value: unknown): Value {
  if (Buffer.isBuffer(value)) return value.toString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value as Value;
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(entries.map(([name, part]) => {
    if (name === "userProperties") return [name, pairsOf(part)];
    if (name === "subscriptionIdentifier") return [name, [part].flat().toSorted((a, b) => a - b)];
    return [name, plain(part)];
  }));
}

function pairsOf(groups: Readonly<Record<string, string | readonly string[]>>): Value {
  return Object.entries(groups).flatMap(([name, values]) => [values].flat().map((value) => [name, value]));
}

/** The bytes of a packet that no codec would write. */
export function rawBytes(header: number, body: readonly Piece[], bindings: Bindings): Uint8Array {
  const parts = body.map((piece) => {
    if (typeof piece === "string") return Buffer.from(piece.replaceAll(" ", ""), "hex");
    const text = Buffer.from(String(resolved(piece.text, bindings)));
    return Buffer.concat([Buffer.from([text.length >> 8, text.length & 0xff]), text]);
  });
  const rest = Buffer.concat(parts);
  if (rest.length > 127) throw new RangeError("Cannot send so many raw bytes: their length has to fit one byte");
  return Buffer.concat([Buffer.from([header, rest.length]), rest]);
}
