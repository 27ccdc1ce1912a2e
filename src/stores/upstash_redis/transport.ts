/**
 * Sends scripts to Redis over REST: in order, in as few requests as their sizes allow, and never twice once they were
 * answered.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import type { UpstashClient } from "./client.ts";
import { bodyBytes, itemsBytes } from "./request_size.ts";
import { type Command, nameOf, type Reply, type SendOptions } from "./transport_command.ts";
import { hmgetBytes, membersBytes, scanBytes, scriptCommandBytes, ScriptTexts } from "./transport_script.ts";
import { type Item, Sending } from "./transport_sending.ts";

export type { Command, Reply, Script, SendOptions } from "./transport_command.ts";

/** The way to Redis. */
export interface Transport {
  /**
   * The largest body of a request, in bytes: what one command may take as JSON, with its script's text and 2 bytes for
   * the brackets around it.
   */
  readonly maxRequestBytes: number;
  /** Whether the client can scan keys. */
  readonly scans: boolean;
  /**
   * Sends commands, in order, in one request as far as its size allows; else in several, one after another. A command
   * whose script the server does not know is sent again behind those that were answered.
   *
   * @throws {SessionError} `STORE_UNAVAILABLE` if nothing was changed, `OUTCOME_UNKNOWN` if something may have been,
   * `LIMIT_EXCEEDED` if one command is larger than a request: then nothing was sent.
   */
  send(commands: readonly Command[], options: SendOptions): Promise<readonly Reply[]>;
}

/** How a {@linkcode transport} is set up. */
export interface TransportOptions {
  /**
   * Whether scripts begin with the flag that lets Upstash lock their keys instead of the whole database. Default: yes, as
   * long as the server does not refuse the flag.
   */
  readonly keyLocking?: boolean;
  /** The largest body of a request, in bytes. Default: 10 000 000, a little less than the least plan of Upstash takes. */
  readonly maxRequestBytes?: number;
}

const DEFAULT_MAX_REQUEST_BYTES = 10_000_000;

/**
 * Makes the way to Redis through a client of `@upstash/redis`, whatever its settings.
 *
 * What a failure proves depends on the client: one that repeats requests by itself shows the last failure alone, so
 * with it every failed write counts as unknown.
 */
export function transport(client: UpstashClient, options: TransportOptions = {}): Transport {
  if (typeof client?.pipeline !== "function") {
    throw new TypeError("Cannot use an Upstash client: it has no pipeline()");
  }
  const { keyLocking, maxRequestBytes = DEFAULT_MAX_REQUEST_BYTES } = options;
  if (!Number.isSafeInteger(maxRequestBytes) || maxRequestBytes < 1) {
    throw new RangeError(`Cannot use an Upstash client: maxRequestBytes is ${maxRequestBytes}`);
  }
  const texts = new ScriptTexts(keyLocking);
  return {
    maxRequestBytes,
    get scans() {
      return typeof client.pipeline().scan === "function";
    },
    send: async (commands, sendOptions) => {
      const { signal, doing } = sendOptions;
      signal?.throwIfAborted();
      if (commands.length === 0) return [];
      const items = await Promise.all(commands.map((command, index) => itemOf(command, index, texts)));
      checkSizes(items, doing, maxRequestBytes);
      signal?.throwIfAborted();
      return await new Sending(client, texts, maxRequestBytes, sendOptions).send(items);
    },
  };
}

async function itemOf(command: Command, index: number, texts: ScriptTexts): Promise<Item> {
  if (!("script" in command)) {
    const bytes = "hmget" in command
      ? hmgetBytes(command.hmget, command.fields)
      : "scan" in command
      ? scanBytes(command.scan, command.from, command.about)
      : membersBytes(command.members, command.first, command.last, command.most);
    return { index, command, operandBytes: 0, bytes };
  }
  const { script, keys, args } = command;
  const operandBytes = itemsBytes(keys) + itemsBytes(args);
  const bytes = scriptCommandBytes({ by: "eval", script: await texts.of(script) }, keys.length, operandBytes);
  return { index, command, operandBytes, bytes };
}

/** By the size of EVAL, since any script may turn out to be unknown to the server. */
function checkSizes(items: readonly Item[], doing: string, maxRequestBytes: number): void {
  for (const { command, bytes } of items) {
    const needed = bodyBytes([bytes]);
    if (needed <= maxRequestBytes) continue;
    throw new SessionError(
      "LIMIT_EXCEEDED",
      `Cannot ${doing}: ${nameOf(command)} needs a request of ${needed} bytes, and ${maxRequestBytes} is the limit`,
    );
  }
}
