/**
 * The client of Upstash Redis: what of it is used, and one with safe settings.
 *
 * @module
 */
// This entry reads no environment and needs nothing but `fetch`; the package's main one asks for `process.env`.
import { Redis } from "@upstash/redis/cloudflare";

/** Commands that travel in one request, in order. */
export interface UpstashPipeline {
  /** Adds a script by its text. */
  eval(script: string, keys: string[], args: string[]): unknown;
  /** Adds a script by the SHA-1 of its text. */
  evalsha(sha1: string, keys: string[], args: string[]): unknown;
  /** Adds a read of some fields of a hash. */
  hmget(key: string, ...fields: string[]): unknown;
  /** Adds a read of the members of a sorted set between two. */
  zrange(
    key: string,
    first: `[${string}`,
    last: `(${string}`,
    options: { byLex: true; offset: number; count: number },
  ): unknown;
  /** Adds a read of some keys; without it the doctor finds sessions by the index alone. */
  scan?(cursor: string, options: { match: string; count: number }): unknown;
  /** Sends the commands, and answers for each its result or its error. */
  exec(options: { readonly keepErrors: true }): Promise<unknown>;
}

/**
 * What of a client is used: any `Redis` of `@upstash/redis`, also of `@upstash/redis/cloudflare` and
 * `@upstash/redis/fastly`, whatever its settings.
 */
export interface UpstashClient {
  /** Begins a request. */
  pipeline(): UpstashPipeline;
}

/** Where a database is, and what opens it. */
export interface UpstashConnection {
  /** The REST URL, as the console shows it: `UPSTASH_REDIS_REST_URL`. */
  readonly url: string;
  /** The token of that URL: `UPSTASH_REDIS_REST_TOKEN`. */
  readonly token: string;
  /** Whether reads see this client's earlier writes where the database has replicas. Default: true. */
  readonly readYourWrites?: boolean;
}

/**
 * Makes a client of `@upstash/redis` that does what it is told and no more: one attempt a request, texts as they are,
 * no telemetry, and no `keepalive`, under which browsers refuse bodies of more than 64 KiB.
 *
 * @throws {TypeError} If the URL or the token cannot be one. Neither is shown.
 */
export function upstashClient(options: UpstashConnection): UpstashClient {
  const { url, token, readYourWrites = true } = options;
  checkUrl(url);
  // What is no visible ASCII cannot stand in a header; the client would warn of it on the console, or fetch would show it.
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) {
    throw new TypeError("Cannot make an Upstash client: the token is not a text of visible ASCII characters");
  }
  try {
    return new Redis({
      url,
      token,
      readYourWrites,
      retry: { retries: 0 },
      keepAlive: false,
      responseEncoding: false,
      automaticDeserialization: false,
      enableAutoPipelining: false,
      enableTelemetry: false,
      latencyLogging: false,
    });
  } catch {
    // The package's own error shows the URL.
    throw new TypeError("Cannot make an Upstash client: the package does not take the URL");
  }
}

function checkUrl(url: unknown): asserts url is string {
  const refuse = (found: string): never => {
    throw new TypeError(`Cannot make an Upstash client: the URL ${found}`);
  };
  if (typeof url !== "string" || url === "") return refuse("is missing");
  if (/[^\x21-\x7e]/.test(url)) return refuse("has characters that no URL has");
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) return refuse("does not begin with https:// and a host");
  const { username, password } = new URL(url);
  if (username !== "" || password !== "") return refuse("holds a user or a password");
  if (/[?#]/.test(url)) return refuse("has a query or a fragment");
}
