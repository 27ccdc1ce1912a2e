/** What the parts of the store share. */
import type { StoreCallOptions } from "../../store/call.ts";
import type { Checks } from "./checks.ts";
import type { KnownDebtors } from "./known_debtors.ts";
import { RedisKeys } from "./keys.ts";
import { readReply, type ReplyReader } from "./text.ts";
import type { Command, Script, Transport } from "./transport.ts";

/** What the parts of the store share. */
export interface RedisContext {
  readonly transport: Transport;
  /** In front of all keys, escaped. */
  readonly prefix: string;
  /** Whether a script may touch the keys of one slot only. */
  readonly cluster: boolean;
  /** The checks of sessions that stand in the index, which only a cluster needs. */
  readonly checks: Checks;
  /** Whose outboxes hold something, which only a cluster needs to know. */
  readonly debtors: KnownDebtors;
}

/** The keys of a store for some names. */
export async function keysFor(context: RedisContext, names: Iterable<string>): Promise<RedisKeys> {
  const keys = new RedisKeys(context.prefix);
  await keys.prepare(names);
  return keys;
}

/** A script call, what it is for, and how its reply is read. */
export interface Ask<Value> {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
  readonly doing: string;
  readonly writes: boolean;
  /** Reads what follows the status. */
  readonly read: (status: string, reader: ReplyReader) => Value;
}

/** Runs one script. */
export async function ask<Value>(
  context: RedisContext,
  { script, keys, args, doing, writes, read }: Ask<Value>,
  call: StoreCallOptions = {},
): Promise<Value> {
  const command = { script, keys, args: args.map(String) };
  const [reply] = await sendAll(context, [command], doing, writes, call);
  return readReply(reply ?? "", doing, (reader) => read(reader.text(), reader), { writes });
}

/** Sends commands in as few requests as they fit into. */
export function sendAll(
  { transport }: RedisContext,
  commands: readonly Command[],
  doing: string,
  writes: boolean,
  { signal }: StoreCallOptions = {},
): ReturnType<Transport["send"]> {
  return transport.send(commands, { doing, writes, ...(signal === undefined ? {} : { signal }) });
}

/** The keys and arguments of a script that takes the places of its keys as arguments. */
export class Arguments {
  readonly keys: string[] = [];
  readonly args: string[] = [];
  readonly #places = new Map<string, number>();

  /** Adds arguments. */
  add(...values: readonly (string | number)[]): this {
    for (const value of values) this.args.push(String(value));
    return this;
  }

  /** Adds yes or no. */
  flag(value: boolean): this {
    return this.add(value ? 1 : 0);
  }

  /** Adds the place of a key, 0 for none. */
  key(key: string | undefined): this {
    if (key === undefined) return this.add(0);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.keys.push(key);
      this.#places.set(key, place);
    }
    return this.add(place);
  }

  /** Adds a list with its length. */
  list(values: readonly (string | number)[]): this {
    return this.add(values.length, ...values);
  }
}
