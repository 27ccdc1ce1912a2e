/**
 * The flag by which a script for Upstash asks for locks on its keys alone.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { nameOf } from "./command_keys.ts";
import { bytesOf, type Command, RespError, type RespValue, textOf } from "./resp_codec.ts";

/** Takes the flag, as Upstash does, or lets Redis refuse it. */
export type Locking = "accept" | "refuse";

const FLAG = "allow-key-locking";

/** Hands scripts with the flag to a Redis that does not know it, under the names that their own texts have. */
export class ScriptLocking {
  /** From the digest of a script with the flag to that of the script which Redis gets. */
  readonly #stripped = new Map<string, string>();

  /** The command that Redis gets in place of this one. */
  outgoing(command: Command): Command {
    const [name, second, ...rest] = command;
    if (name === undefined || second === undefined) return command;
    switch (nameOf(command)) {
      case "EVAL":
      case "EVAL_RO":
        return [name, this.#script(second), ...rest];
      case "EVALSHA":
      case "EVALSHA_RO":
        return [name, this.#digest(second), ...rest];
      case "SCRIPT":
        return [name, second, ...this.#scriptArguments(textOf(second).toUpperCase(), rest)];
      default:
        return command;
    }
  }

  /** The reply to a command, given that of Redis to the command that went out. */
  incoming(command: Command, reply: RespValue): RespValue {
    const [, second, third] = command;
    if (reply instanceof RespError || third === undefined || nameOf(command) !== "SCRIPT") return reply;
    return textOf(second ?? "").toUpperCase() === "LOAD" ? bytesOf(sha1(third)) : reply;
  }

  #scriptArguments(subcommand: string, rest: Command): Command {
    if (subcommand === "LOAD") return rest.map((script) => this.#script(script));
    return subcommand === "EXISTS" ? rest.map((digest) => this.#digest(digest)) : rest;
  }

  #script(script: string | Uint8Array): string | Uint8Array {
    const stripped = withoutFlag(script);
    if (stripped === undefined) return script;
    this.#stripped.set(sha1(script), sha1(stripped));
    return stripped;
  }

  /** One that is not known here is not known to Redis either. */
  #digest(digest: string | Uint8Array): string | Uint8Array {
    return this.#stripped.get(textOf(digest).toLowerCase()) ?? digest;
  }
}

/**
 * The script without the flag, or `undefined` when it has none. The shebang stays: so do the numbers of the lines, and
 * the digest is none that a script without shebang has.
 */
function withoutFlag(script: string | Uint8Array): string | undefined {
  const text = textOf(script);
  const [shebang = ""] = text.split("\n", 1);
  const flags = /^#!lua\s.*?\bflags=(\S*)/.exec(shebang)?.[1]?.split(",");
  if (flags === undefined || !flags.includes(FLAG)) return undefined;
  const others = flags.filter((flag) => flag !== FLAG);
  const replacement = others.length > 0 ? `flags=${others.join(",")}` : "";
  return shebang.replace(/\s*flags=\S*/, replacement === "" ? "" : ` ${replacement}`) + text.slice(shebang.length);
}

function sha1(text: string | Uint8Array): string {
  return createHash("sha1").update(bytesOf(text)).digest("hex");
}
