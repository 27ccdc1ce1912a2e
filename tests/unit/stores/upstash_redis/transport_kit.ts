/**
 * A small server that answers like Upstash's REST pipeline, for the tests of the transport.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Redis, type RedisConfigNodejs } from "@upstash/redis";
import { SessionError, type SessionErrorCode } from "../../../../src/errors.ts";
import { upstashClient } from "../../../../src/stores/upstash_redis/client.ts";
import type { Script } from "../../../../src/stores/upstash_redis/transport.ts";
import { toText } from "../../../../src/stores/upstash_redis/text.ts";

/** A token, as short as no token is, so that nothing but itself gives it away. */
export const TOKEN = "t0k3n!42";

/** A command as it came: its name, then its arguments. */
export type Received = readonly (string | number)[];

/** What is answered for one command. */
export type Answered = { readonly result: unknown } | { readonly error: string };

/** One request as it came. */
export interface SeenRequest {
  readonly path: string;
  readonly body: string;
  readonly commands: readonly Received[];
  readonly headers: Headers;
}

/** A server on a free port. */
export interface Server extends AsyncDisposable {
  readonly url: string;
  readonly requests: SeenRequest[];
}

/** Serves requests; an answer that is no response is that of a pipeline, in base64 if asked for. */
export function serve(answer: (request: SeenRequest) => Response | readonly Answered[] | Promise<Response>): Server {
  const requests: SeenRequest[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const body = await request.text();
    const seen = { path: new URL(request.url).pathname, body, commands: JSON.parse(body), headers: request.headers };
    requests.push(seen);
    const answered = await answer(seen);
    if (answered instanceof Response) return answered;
    return Response.json(request.headers.get("upstash-encoding") === "base64" ? answered.map(inBase64) : answered);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function inBase64(answered: Answered): Answered {
  if ("error" in answered) return answered;
  const encoded = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(encoded);
    return typeof value === "string" && value !== "OK" ? toText(new TextEncoder().encode(value)) : value;
  };
  return { result: encoded(answered.result) };
}

/** The SHA-1 of a script's text. */
export function sha1(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}

/** A Redis that knows which scripts it was shown, and answers each with its text and arguments. */
export class ScriptCache {
  /** The scripts known, by digest. */
  readonly known = new Map<string, string>();
  /** The scripts carried out, as `text(keys|args)`. */
  readonly ran: string[] = [];
  /** Whether it takes the flag of key locking, as Upstash does and Redis does not. */
  keyLocking = true;
  /** What hashes hold. */
  readonly fields = new Map<string, string>();

  /** Answers one command. */
  answer(command: Received): Answered {
    const [name, script, ...rest] = command.map(String);
    if (name === "hmget") return { result: rest.map((field) => this.fields.get(field) ?? null) };
    if (name === "eval") this.#load(script ?? "");
    const text = name === "eval" ? script : this.known.get(script ?? "");
    if (text === undefined) return { error: "NOSCRIPT No matching script. Please use EVAL." };
    if (text.startsWith("#!") && !this.keyLocking) {
      return { error: "ERR Unexpected flag in script shebang: allow-key-locking" };
    }
    const ran = `${text.replace(/^#!.*\n/, "")}(${rest.slice(1).join("|")})`;
    this.ran.push(ran);
    return { result: `~${ran}` };
  }

  /** Answers the commands of one request. */
  readonly answerAll = ({ commands }: SeenRequest): readonly Answered[] => commands.map((each) => this.answer(each));

  #load(text: string): void {
    if (!text.startsWith("#!") || this.keyLocking) this.known.set(sha1(text), text);
  }
}

/** A script of a test. */
export function script(source: string): Script {
  return { name: source, source };
}

/** The names of the commands of each request. */
export function namesOf({ requests }: Server): string[][] {
  return requests.map(({ commands }) => commands.map(([name]) => String(name)));
}

/** Clients of every setting that could matter; each must behave the same. */
export const CLIENTS: Readonly<Record<string, (url: string) => ReturnType<typeof upstashClient>>> = {
  "the store's own client": (url) => upstashClient({ url, token: TOKEN }),
  "a client with the package's defaults": (url) => new Redis({ url, token: TOKEN }),
  "a client that leaves texts alone": (url) => new Redis({ url, token: TOKEN, automaticDeserialization: false }),
  "a client without base64": (url) => new Redis({ url, token: TOKEN, responseEncoding: false }),
  "a client without automatic pipelines": (url) => new Redis({ url, token: TOKEN, enableAutoPipelining: false }),
  "a client that forgets its writes": (url) => new Redis({ url, token: TOKEN, readYourWrites: false, retry: false }),
};

/** A client of the caller's that sends each request once. */
export function once(url: string, options: Partial<RedisConfigNodejs> = {}): Redis {
  return new Redis({ url, token: TOKEN, retry: { retries: 0 }, ...options });
}

/** Whether an error is a `SessionError` of this code whose message fits; for `assert.rejects`. */
export function is(code: SessionErrorCode, message = /^Cannot commit: /): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof SessionError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}
