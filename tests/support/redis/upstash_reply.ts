/**
 * How Upstash writes replies.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { HttpReply } from "./http_server.ts";
import { bytesOf, encodeReplies, RespError, RespStatus, type RespValue, textOf } from "./resp_codec.ts";
import type { ReplyFormat, UpstashRequest } from "./upstash_request.ts";

/** A reply whose body is JSON. */
export function jsonReply(status: number, body: unknown): HttpReply {
  return { status, headers: { "content-type": "application/json" }, body: bytesOf(JSON.stringify(body)) };
}

/** A reply that says what went wrong. */
export function errorReply(status: number, message: string): HttpReply {
  return jsonReply(status, { error: message });
}

/** The reply to a request, given those of Redis to its commands. */
export function repliesOf(request: UpstashRequest, values: readonly RespValue[]): HttpReply {
  const { kind, format } = request;
  const failed = kind === "command" && values[0] instanceof RespError;
  if (format === "resp2") {
    const headers = { "content-type": "application/octet-stream" };
    return { status: failed ? 400 : 200, headers, body: encodeReplies(values) };
  }
  const rows = values.map((value) => row(value, format));
  return jsonReply(failed ? 400 : 200, kind === "command" ? rows[0] : rows);
}

function row(value: RespValue, format: ReplyFormat): unknown {
  return value instanceof RespError ? { error: value.message } : { result: json(value, format) };
}

function json(value: RespValue, format: ReplyFormat): unknown {
  if (value === null || typeof value === "number") return value;
  if (value instanceof Uint8Array) return format === "base64" ? base64(value) : textOf(value);
  if (value instanceof RespStatus) {
    return format === "base64" && value.text !== "OK" ? base64(bytesOf(value.text)) : value.text;
  }
  return value instanceof RespError ? value.message : value.map((item) => json(item, format));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}
