/**
 * The texts of scripts and their digests, computed once for each.
 *
 * @module
 */
import { itemsBytes, jsonBytes } from "./request_size.ts";
import type { Script } from "./transport_command.ts";

/** A script as a server gets it. */
export interface ScriptText {
  /** The text, with its first line of flags if it has one. */
  readonly text: string;
  /** The SHA-1 of the text. */
  readonly sha1: string;
  /** The text's size in JSON. */
  readonly bytes: number;
}

/** Without it Upstash locks the whole database while a script runs. Other servers refuse the flag. */
const FLAGS = "#!lua flags=allow-key-locking\n";

const encoder = new TextEncoder();

/** The scripts of one transport, and whether its server takes the flag. */
export class ScriptTexts {
  readonly #texts = new Map<string, Promise<ScriptText>>();
  readonly #mayFallBack: boolean;
  #flagged: boolean;

  /** Always with the flag, never, or as long as the server takes it. */
  constructor(keyLocking: boolean | undefined) {
    this.#flagged = keyLocking ?? true;
    this.#mayFallBack = keyLocking === undefined;
  }

  /** The text of a script for this server. */
  of({ source }: Script): Promise<ScriptText> {
    const text = this.#flagged ? FLAGS + source : source;
    let known = this.#texts.get(text);
    if (known === undefined) {
      known = digested(text);
      this.#texts.set(text, known);
    }
    return known;
  }

  /** Goes on without the flag, if a server that refused a text did so because of it and that is allowed. */
  fallsBack(refused: ScriptText, error: string): boolean {
    if (!this.#mayFallBack || !refused.text.startsWith(FLAGS)) return false;
    if (!/unexpected flag in script shebang|unknown flag/i.test(error)) return false;
    this.#flagged = false;
    return true;
  }
}

async function digested(text: string): Promise<ScriptText> {
  const digest = await crypto.subtle.digest("SHA-1", encoder.encode(text));
  const sha1 = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { text, sha1, bytes: jsonBytes(text) };
}

/** The size of EVALSHA, or of EVAL, in JSON. */
export function scriptCommandBytes(
  command: { readonly by: "eval" | "evalsha"; readonly script: ScriptText },
  keys: number,
  operandBytes: number,
): number {
  const { by, script } = command;
  const scriptBytes = by === "eval" ? script.bytes : script.sha1.length + 2;
  // `["eval",` and the script, `,` and the number of keys, the operands with a comma before each, `]`.
  return 1 + by.length + 2 + 1 + scriptBytes + 1 + String(keys).length + operandBytes + 1;
}

/** The size of HMGET in JSON. */
export function hmgetBytes(key: string, fields: readonly string[]): number {
  return '["hmget"]'.length + itemsBytes([key, ...fields]);
}

/** The size of a ZRANGE between two members in JSON, with the most that it answers. */
export function membersBytes(key: string, first: string, last: string, most: number): number {
  const [from, to] = [`[${first}`, `(${last}`];
  return '["zrange","bylex","limit",0,]'.length + String(most).length + itemsBytes([key, from, to]);
}

/** The size of SCAN in JSON. */
export function scanBytes(pattern: string, from: string, about: number): number {
  return '["scan","match","count",]'.length + String(about).length + itemsBytes([pattern, from]);
}
