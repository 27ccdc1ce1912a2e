/**
 * Runs this very deno again. `deno` need not be on the PATH: npx keeps it elsewhere.
 *
 * @module
 */

/** Where deno.json is. */
export const PROJECT_ROOT: URL = new URL("../../", import.meta.url);

/** How a run of deno went. */
export interface DenoRun {
  readonly success: boolean;
  /** All that it printed, standard output first. */
  readonly output: string;
}

/** A run that takes longer than this hangs, and is ended. */
const TIME_LIMIT_MS = 15 * 60_000;

/** Runs deno in the project's root and keeps what it prints. */
export async function runDeno(args: readonly string[], cwd: URL = PROJECT_ROOT): Promise<DenoRun> {
  const signal = AbortSignal.timeout(TIME_LIMIT_MS);
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal,
  }).output();
  const text = new TextDecoder();
  const output = text.decode(stdout) + text.decode(stderr);
  return { success, output: signal.aborted ? `${output}\nended after ${TIME_LIMIT_MS / 60_000} minutes\n` : output };
}
