/** What the command line takes from the platform: the one room of this library where it is used as it is. */
import type { DenoKvLike } from "../stores/deno_kv.ts";

/** What a command needs of where it runs. */
export interface CommandHost {
  /** Writes text for people or programs. */
  print(text: string): Promise<void>;
  /** Writes text for people alone. */
  complain(text: string): Promise<void>;
  /** What the environment says. */
  variable(name: string): string | undefined;
  /** Opens the file of Deno KV. */
  openKv(path: string): Promise<DenoKvLike & { close(): void }>;
  /** Reads a file, or the standard input for `-`. */
  read(path: string): Promise<AsyncIterable<Uint8Array>>;
  /** Opens a file for writing from a place on, or the standard output for `-`; what follows the place is cut off. */
  write(path: string, from: number): Promise<{ write(text: string): Promise<void>; close(): Promise<void> }>;
  /** The time of day, in epoch milliseconds. */
  now(): number;
  /** A moment as people read it. */
  moment(at: number): string;
}

/** Runs a command on Deno, and exits as it says. */
export async function denoHost(
  run: (host: CommandHost, args: readonly string[]) => Promise<number>,
): Promise<void> {
  const encoder = new TextEncoder();
  const put = async (to: { write(bytes: Uint8Array): Promise<number> }, text: string): Promise<void> => {
    const bytes = encoder.encode(text);
    for (let start = 0; start < bytes.length;) start += await to.write(bytes.subarray(start));
  };
  const host: CommandHost = {
    print: (text) => put(Deno.stdout, text),
    complain: (text) => put(Deno.stderr, text),
    variable: (name) => Deno.env.get(name),
    openKv: (path) => Deno.openKv(path),
    read: async (path) => path === "-" ? Deno.stdin.readable : (await Deno.open(path)).readable,
    write: async (path, from) => {
      if (path === "-") return { write: (text) => put(Deno.stdout, text), close: () => Promise.resolve() };
      const file = await Deno.open(path, { write: true, create: true, mode: 0o600 });
      await file.truncate(from);
      await file.seek(from, Deno.SeekMode.Start);
      return {
        write: (text) => put(file, text),
        close: async () => {
          await file.sync();
          file.close();
        },
      };
    },
    now: () => Date.now(),
    moment: (at) => Number.isFinite(at) && Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : String(at),
  };
  Deno.exitCode = await run(host, Deno.args);
}
