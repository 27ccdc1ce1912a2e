/**
 * Counts what Upstash would bill, and what went over the wire for it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { keysOf, nameOf, runsScript } from "./command_keys.ts";
import { type MonitoredCommand, RedisMonitor } from "./monitor.ts";
import type { RedisServer } from "./redis_server.ts";
import type { Command } from "./resp_codec.ts";

/** What was counted from the start to the moment of reading. */
export interface Reading {
  /** HTTP requests, refused ones included. */
  readonly requests: number;
  /** Commands that were run, each of a pipeline or a transaction counted. */
  readonly commands: number;
  /** Calls inside of scripts. */
  readonly scriptCalls: number;
  /** Commands and calls: each is billed. */
  readonly billed: number;
  /** The length of all requests, with their heads. */
  readonly requestBytes: number;
  /** The length of all replies, with their heads. */
  readonly responseBytes: number;
  /** The length of the requests' bodies. */
  readonly requestBodyBytes: number;
  /** The length of the replies' bodies. */
  readonly responseBodyBytes: number;
  /** How many commands of each name, in upper case. */
  readonly byName: Readonly<Record<string, number>>;
  /** The same for the calls inside of scripts. */
  readonly scriptCallsByName: Readonly<Record<string, number>>;
  /** What scripts touched without naming it in KEYS. */
  readonly keysOutsideKeys: readonly UndeclaredKey[];
}

/** A key that a script touched without naming it in KEYS. */
export interface UndeclaredKey {
  /** The name of the call inside of the script. */
  readonly call: string;
  readonly key: string;
}

/** What the meter watches. */
export interface Metered {
  readonly nodes: readonly RedisServer[];
  /** Whether a connection is one of those whose scripts count. */
  owns(address: string): boolean;
}

type Counts = { -readonly [Name in Exclude<keyof Reading, "billed">]: Mutable<Reading[Name]> };
type Mutable<Value> = Value extends readonly (infer Item)[] ? Item[]
  : Value extends Readonly<Record<string, number>> ? Record<string, number>
  : Value;

/** Counts while it is switched on. */
export class Meter {
  readonly #metered: Metered;
  #monitors: readonly RedisMonitor[] = [];
  #counts: Counts | undefined;

  constructor(metered: Metered) {
    this.#metered = metered;
  }

  /** Starts counting, at zero. */
  async start(): Promise<void> {
    await this.close();
    this.#counts = {
      requests: 0,
      commands: 0,
      scriptCalls: 0,
      requestBytes: 0,
      responseBytes: 0,
      requestBodyBytes: 0,
      responseBodyBytes: 0,
      byName: {},
      scriptCallsByName: {},
      keysOutsideKeys: [],
    };
    this.#monitors = await Promise.all(this.#metered.nodes.map((node) => RedisMonitor.watch(node, this.#listener())));
  }

  /** What was counted of everything that was answered before. Rejects when a Redis has ended meanwhile. */
  async read(): Promise<Reading> {
    await Promise.all(this.#monitors.map((monitor) => monitor.flush()));
    if (this.#counts === undefined) throw new Error("The meter was not started");
    const { commands, scriptCalls } = this.#counts;
    return { ...structuredClone(this.#counts), billed: commands + scriptCalls };
  }

  /** What was counted, and counts no more. */
  async stop(): Promise<Reading> {
    try {
      return await this.read();
    } finally {
      await this.close();
    }
  }

  /** What some work costs. */
  async measure(work: () => Promise<unknown>): Promise<Reading> {
    await this.start();
    try {
      await work();
      return await this.read();
    } finally {
      await this.close();
    }
  }

  /** Counts no more. */
  async close(): Promise<void> {
    this.#counts = undefined;
    const monitors = this.#monitors;
    this.#monitors = [];
    await Promise.all(monitors.map((monitor) => monitor[Symbol.asyncDispose]()));
  }

  /** A request has come. */
  request(bytes: number, bodyBytes: number): void {
    if (this.#counts === undefined) return;
    this.#counts.requests++;
    this.#counts.requestBytes += bytes;
    this.#counts.requestBodyBytes += bodyBytes;
  }

  /** A reply is about to be sent. */
  response(bytes: number, bodyBytes: number): void {
    if (this.#counts === undefined) return;
    this.#counts.responseBytes += bytes;
    this.#counts.responseBodyBytes += bodyBytes;
  }

  /** Commands are about to be run. */
  commands(commands: readonly Command[]): void {
    if (this.#counts === undefined) return;
    this.#counts.commands += commands.length;
    for (const command of commands) count(this.#counts.byName, nameOf(command));
  }

  /** Takes what one server runs. The calls of a script follow its command, and nothing comes between them. */
  #listener(): (monitored: MonitoredCommand) => void {
    let declared: ReadonlySet<string> | undefined;
    return ({ client, command }) => {
      if (client !== "lua") {
        declared = runsScript(command) && this.#metered.owns(client) ? new Set(keysOf(command).map(String)) : undefined;
        return;
      }
      if (declared === undefined || this.#counts === undefined) return;
      const call = nameOf(command);
      this.#counts.scriptCalls++;
      count(this.#counts.scriptCallsByName, call);
      for (const key of keysOf(command).map(String)) {
        if (!declared.has(key)) this.#counts.keysOutsideKeys.push({ call, key: Buffer.from(key, "latin1").toString() });
      }
    };
  }
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
