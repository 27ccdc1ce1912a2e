/**
 * Which arguments of a command are keys.
 *
 * @module
 */
import { type Command, textOf } from "./resp_codec.ts";

const SCRIPTS = ["EVAL", "EVAL_RO", "EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO"];

/** Those that take no key. */
const WITHOUT_KEYS = new Set([
  ..."ACL ASKING AUTH CLIENT CLUSTER COMMAND CONFIG DBSIZE DISCARD ECHO EXEC FLUSHALL FLUSHDB FUNCTION HELLO INFO KEYS"
    .split(" "),
  ..."LASTSAVE MULTI PING PSUBSCRIBE PUBLISH PUBSUB RANDOMKEY SAVE SCAN SCRIPT SELECT SUBSCRIBE SWAPDB TIME".split(" "),
  ..."UNWATCH WAIT".split(" "),
]);

/** Those whose arguments are all keys. */
const ALL_KEYS = new Set(
  "DEL EXISTS MGET PFCOUNT PFMERGE SDIFF SDIFFSTORE SINTER SINTERSTORE SUNION SUNIONSTORE TOUCH UNLINK WATCH".split(
    " ",
  ),
);

/** Those with two keys. */
const TWO_KEYS = new Set(
  "COPY GEOSEARCHSTORE LCS LMOVE RENAME RENAMENX RPOPLPUSH SMOVE ZRANGESTORE".split(" "),
);

/** Those with a number of keys before the keys: where that number is. */
const NUMBERED: ReadonlyMap<string, number> = new Map([
  ...SCRIPTS.map((name): [string, number] => [name, 2]),
  ...["LMPOP", "SINTERCARD", "ZDIFF", "ZINTER", "ZINTERCARD", "ZMPOP", "ZUNION"].map((
    name,
  ): [string, number] => [name, 1]),
]);

/** Those that write to a first key what they find in a number of others. */
const NUMBERED_STORES = new Set(["ZDIFFSTORE", "ZINTERSTORE", "ZUNIONSTORE"]);

/** The name of a command in upper case. */
export function nameOf(command: Command): string {
  return textOf(command[0] ?? "").toUpperCase();
}

/** Whether a command runs a script or a function. */
export function runsScript(command: Command): boolean {
  return SCRIPTS.includes(nameOf(command));
}

/** The keys of a command, in their order. */
export function keysOf(command: Command): Command {
  const name = nameOf(command);
  if (WITHOUT_KEYS.has(name)) return [];
  if (ALL_KEYS.has(name)) return command.slice(1);
  if (TWO_KEYS.has(name)) return command.slice(1, 3);
  if (name === "MSET" || name === "MSETNX") return command.slice(1).filter((_, index) => index % 2 === 0);
  if (name === "BITOP") return command.slice(2);
  if (["MEMORY", "OBJECT", "XGROUP", "XINFO"].includes(name)) return command.slice(2, 3);
  const numberAt = NUMBERED.get(name);
  if (numberAt !== undefined) return numbered(command, numberAt);
  if (NUMBERED_STORES.has(name)) return [...command.slice(1, 2), ...numbered(command, 2)];
  if (name === "XREAD" || name === "XREADGROUP") {
    const streams = command.findIndex((argument) => textOf(argument).toUpperCase() === "STREAMS") + 1;
    return command.slice(streams, streams + (command.length - streams) / 2);
  }
  return command.slice(1, 2);
}

function numbered(command: Command, at: number): Command {
  return command.slice(at + 1, at + 1 + Number(textOf(command[at] ?? "0")));
}
