/**
 * From what a machine is given and answers to JSON and back. What may not be written becomes a stand-in with which the
 * machine takes the same steps: of the same size, and equal where the original was.
 *
 * @module
 */
import { bytesOf, hexOf } from "./keyed_digest.ts";

/** How much of what is confidential may be written. */
export interface Concealment {
  /** What stands for bytes: their digest in hexadecimal digits, or `undefined` to write them whole. */
  readonly digest: ((bytes: Uint8Array) => string) | undefined;
  /** What stands for the name of a client. */
  readonly nameOf: (name: string) => string;
}

/** As it is done when a recording is played: what stands there stands there already. */
export function asRecorded(wholePayloads: boolean): Concealment {
  const held = (bytes: Uint8Array) => hexOf(bytes.subarray(0, DIGEST_BYTES));
  return { digest: wholePayloads ? undefined : held, nameOf: (name) => name };
}

/** What is never written, whatever was asked for. */
const SECRETS: ReadonlySet<string> = new Set(["username", "password", "authenticationData"]);
/** Where the name of a client stands, or whom it belongs to. */
const NAMES: ReadonlySet<string> = new Set(["clientId", "publisher", "assignedClientIdentifier", "principal"]);
/** How many bytes of a digest stand in for a payload. */
const DIGEST_BYTES = 8;

/** Something that `JSON.stringify` writes as it is. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** A value in a form that JSON can hold. Members that are `undefined` are left out. */
export function toJson(value: unknown, hides: Concealment, name = ""): Json {
  if (SECRETS.has(name)) return { $secret: true };
  if (value instanceof Uint8Array) return bytesToJson(value, hides);
  if (value instanceof Map) {
    return { $map: [...value].map(([key, item]) => [toJson(key, hides), toJson(item, hides)]) };
  }
  if (value instanceof Set) return { $set: [...value].map((item) => toJson(item, hides)) };
  if (Array.isArray(value)) {
    if (name === "userProperties" && hides.digest !== undefined) return value.map(([key, text]) => [key, veiled(text)]);
    return value.map((item) => toJson(item, hides));
  }
  switch (typeof value) {
    case "string":
      return NAMES.has(name) && value !== "" ? hides.nameOf(value) : value;
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) ? value : { $number: String(value) };
    case "object": {
      const members: Record<string, Json> = {};
      for (const [key, member] of Object.entries(value ?? {})) {
        if (member !== undefined) members[key] = toJson(member, hides, key);
      }
      return value === null ? null : members;
    }
    default:
      return null;
  }
}

/** The value back, with stand-ins for what was not written. */
export function fromJson(json: Json, name = ""): unknown {
  if (json === null || typeof json !== "object") return json;
  if (isList(json)) return json.map((item) => fromJson(item));
  const { $secret, $bytes, $base64, $map, $set, $number } = json;
  if ($secret === true) return name === "username" ? "" : new Uint8Array();
  if (typeof $bytes === "number") return standIn($bytes, String(json["digest"] ?? ""));
  if (typeof $base64 === "string") return Uint8Array.from(atob($base64), (letter) => letter.charCodeAt(0));
  if (isList($map)) return new Map($map.map((pair) => fromJson(pair) as [unknown, unknown]));
  if (isList($set)) return new Set($set.map((item) => fromJson(item)));
  if (typeof $number === "string") return Number($number);
  return Object.fromEntries(Object.entries(json).map(([key, member]) => [key, fromJson(member, key)]));
}

/** `Array.isArray` does not know a list that is read-only. */
function isList(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}

function bytesToJson(bytes: Uint8Array, { digest }: Concealment): Json {
  if (digest === undefined) return { $base64: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")) };
  // A stand-in holds its own digest, so that it is the same when it is written once more: no more than fits into it.
  const held = Math.min(bytes.length, DIGEST_BYTES);
  return { $bytes: bytes.length, digest: held === 0 ? "" : digest(bytes).slice(0, 2 * held) };
}

function standIn(length: number, digest: string): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(bytesOf(digest).subarray(0, length));
  return bytes;
}

/** A text of the same length in every encoding, that says nothing. */
function veiled(text: string): string {
  let veil = "";
  for (const letter of text) {
    // Every string has a code point for each letter that it is made of.
    const point = letter.codePointAt(0) as number;
    veil += point < 0x80 ? "*" : point < 0x800 ? "·" : point < 0x1_0000 ? "※" : "𝄪";
  }
  return veil;
}
