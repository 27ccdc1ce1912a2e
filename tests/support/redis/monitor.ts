/**
 * Sees every command that a Redis runs, those inside scripts too.
 *
 * @module
 */
import type { RedisServer } from "./redis_server.ts";
import type { RespConnection } from "./resp.ts";
import { RespStatus } from "./resp_codec.ts";

/** A command that was run. */
export interface MonitoredCommand {
  /** The client's end of its connection; `lua` inside of a script, whose own command came before. */
  readonly client: string;
  /** Name and arguments, one character a byte. */
  readonly command: readonly string[];
}

const LINE = /^[\d.]+ \[\d+ ([^\]]+)\] (.*)$/s;
const ARGUMENT = /"((?:[^"\\]|\\.)*)"/gs;
const ESCAPE = /\\(x[0-9a-f]{2}|.)/gs;
const CONTROLS: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", a: "\x07", b: "\b" };

/** Reads a line of MONITOR. */
export function readMonitorLine(line: string): MonitoredCommand {
  const [, client, rest] = LINE.exec(line) ?? [];
  if (client === undefined || rest === undefined) throw new Error("This is no line of MONITOR");
  const command = [...rest.matchAll(ARGUMENT)].map(([, escaped = ""]) =>
    escaped.replace(
      ESCAPE,
      (_, code: string) =>
        code.length > 1 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : CONTROLS[code] ?? code,
    )
  );
  return { client, command };
}

/** Tells of every command that a server runs, in order, until it is disposed of. */
export class RedisMonitor implements AsyncDisposable {
  readonly #watching: RespConnection;
  readonly #control: RespConnection;
  readonly #ended = Promise.withResolvers<never>();
  /** Resolved when the command that carries the mark was seen. */
  readonly #marks = new Map<string, () => void>();

  private constructor(watching: RespConnection, control: RespConnection, heard: (command: MonitoredCommand) => void) {
    this.#watching = watching;
    this.#control = control;
    this.#ended.promise.catch(() => {});
    watching.onEnd = () => this.#ended.reject(new Error("Redis ended while it was watched"));
    watching.onPush = (line) => {
      if (!(line instanceof RespStatus)) return;
      const seen = readMonitorLine(line.text);
      if (seen.client === control.address) this.#marks.get(seen.command[1] ?? "")?.();
      else heard(seen);
    };
  }

  /** Starts watching: all that is sent to the server from now on is told. */
  static async watch(redis: RedisServer, heard: (command: MonitoredCommand) => void): Promise<RedisMonitor> {
    const monitor = new RedisMonitor(await redis.connect(), await redis.connect(), heard);
    await monitor.#watching.command(["MONITOR"]);
    return monitor;
  }

  /** Waits until all that the server has run so far was told. */
  async flush(): Promise<void> {
    const mark = crypto.randomUUID();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#marks.set(mark, resolve);
    await this.#control.command(["ECHO", mark]);
    await Promise.race([promise, this.#ended.promise]);
    this.#marks.delete(mark);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#watching.close(), this.#control.close()]);
  }
}
