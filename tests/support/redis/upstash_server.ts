/**
 * A server that speaks Upstash's REST protocol in front of a real Redis.
 *
 * @module
 */
import { Backend } from "./backend.ts";
import { Faults } from "./faults.ts";
import type { HttpRequest } from "./http_reader.ts";
import { type HttpOutcome, type HttpReply, HttpServer } from "./http_server.ts";
import { Meter } from "./meter.ts";
import type { RedisCluster } from "./redis_cluster.ts";
import type { RedisServer } from "./redis_server.ts";
import { ConnectionEnded } from "./resp.ts";
import { bytesOf, type Command, RespError, type RespValue } from "./resp_codec.ts";
import { type Locking, ScriptLocking } from "./script_locking.ts";
import { subscription } from "./subscription.ts";
import { errorReply, repliesOf } from "./upstash_reply.ts";
import { isUnsupported, readRequest, Refusal, unsupported, type UpstashRequest } from "./upstash_request.ts";

/** How to start it. */
export interface UpstashOptions {
  /** Where the data is. It is not stopped with this server. */
  readonly redis: RedisServer | RedisCluster;
  /** What clients have to show; default a random one. */
  readonly token?: string;
  /** Whether it knows the flag `allow-key-locking`, as Upstash does, or refuses it, as plain Redis; default accept. */
  readonly locking?: Locking;
  /** The size of the largest body that it takes; default that of Upstash's smaller plans. */
  readonly maxRequestBytes?: number;
}

/** A server that runs until it is disposed of. */
export interface Upstash extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly token: string;
  /** Counts what goes through; it has to be started. */
  readonly meter: Meter;
  /** What goes wrong on the way. */
  readonly faults: Faults;
}

/** Starts it on a free port of this machine. */
export function startUpstash(options: UpstashOptions): Upstash {
  const { redis, token = crypto.randomUUID(), locking = "accept", maxRequestBytes = 10_000_000 } = options;
  const backend = new Backend(redis);
  const meter = new Meter(backend);
  const service = new Service(backend, meter, locking);
  const server: HttpServer = new HttpServer({
    sending: (bytes, bodyBytes) => meter.response(bytes, bodyBytes),
    async handle(request) {
      meter.request(request.bytes, request.body.length);
      try {
        return await service.answer(request, readRequest(request, { token, maxRequestBytes }), faults);
      } catch (error) {
        if (error instanceof Refusal) return errorReply(error.status, error.message);
        // Redis is gone, with or without having done what it was asked to do.
        if (isGone(error)) return errorReply(503, "ERR the database is not available");
        return errorReply(500, `ERR ${error}`);
      }
    },
  });
  const faults = new Faults(server);
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port,
    token,
    meter,
    faults,
    async [Symbol.asyncDispose]() {
      faults.clear();
      await server[Symbol.asyncDispose]();
      await meter.close();
      await backend[Symbol.asyncDispose]();
    },
  };
}

function isGone(error: unknown): boolean {
  return [ConnectionEnded, Deno.errors.ConnectionRefused, Deno.errors.ConnectionReset].some((type) =>
    error instanceof type
  );
}

/** Answers requests. */
class Service {
  readonly #backend: Backend;
  readonly #meter: Meter;
  readonly #scripts: ScriptLocking | undefined;
  #writes = 0;

  constructor(backend: Backend, meter: Meter, locking: Locking) {
    this.#backend = backend;
    this.#meter = meter;
    this.#scripts = locking === "accept" ? new ScriptLocking() : undefined;
  }

  async answer(request: HttpRequest, asked: UpstashRequest, faults: Faults): Promise<HttpOutcome> {
    const fault = faults.take(request.body, asked.commands);
    if (fault === undefined) return await this.#run(asked);
    const { effect, released } = fault;
    if (effect.kind === "hold" && !effect.applied) await released;
    const reply = effect.kind === "hold" || effect.kind === "truncate" || effect.applied
      ? await this.#run(asked)
      : undefined;
    switch (effect.kind) {
      case "hold":
        if (effect.applied) await released;
        return reply as HttpOutcome;
      case "truncate":
        return { ...reply as HttpReply, endAfter: effect.bytes };
      case "tear":
      case "vanish":
        return effect.kind;
      case "answer":
        return {
          status: effect.status,
          headers: { "content-type": effect.contentType ?? "application/json" },
          body: bytesOf(effect.body),
        };
    }
  }

  async #run(asked: UpstashRequest): Promise<HttpOutcome> {
    if (asked.kind === "subscribe") return subscription(this.#backend, asked.commands[0] as Command);
    const outcome = asked.kind === "transaction"
      ? await this.#transaction(asked.commands)
      : await this.#commands(asked.commands);
    if (outcome instanceof RespError) return errorReply(400, outcome.message);
    const reply = repliesOf(asked, outcome);
    return { ...reply, headers: { ...reply.headers, "upstash-sync-token": `local=${++this.#writes}` } };
  }

  /** Runs those that are offered; the others are answered without asking Redis. */
  async #commands(commands: readonly Command[]): Promise<readonly RespValue[]> {
    const offered = commands.filter((command) => !isUnsupported(command));
    this.#meter.commands(offered);
    const replies = this.#incoming(offered, await this.#backend.run(this.#outgoing(offered)));
    let next = 0;
    return commands.map((command) => {
      if (isUnsupported(command)) return new RespError(unsupported(command));
      return replies[next++] as RespValue;
    });
  }

  async #transaction(commands: readonly Command[]): Promise<RespError | readonly RespValue[]> {
    this.#meter.commands(commands);
    const outcome = await this.#backend.transaction(this.#outgoing(commands));
    return outcome instanceof RespError ? outcome : this.#incoming(commands, outcome);
  }

  #outgoing(commands: readonly Command[]): readonly Command[] {
    const scripts = this.#scripts;
    return scripts === undefined ? commands : commands.map((command) => scripts.outgoing(command));
  }

  #incoming(commands: readonly Command[], replies: readonly RespValue[]): readonly RespValue[] {
    const scripts = this.#scripts;
    if (scripts === undefined) return replies;
    return replies.map((reply, index) => scripts.incoming(commands[index] as Command, reply));
  }
}
