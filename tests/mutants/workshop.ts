/**
 * A copy of the checkout in which faults are made and judged, away from the one that people work in.
 *
 * @module
 */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { PROJECT_ROOT } from "../support/deno.ts";
import { argumentsOf, type Check } from "./checks.ts";
import { type Mutant, mutated } from "./mutant.ts";
import type { Run, RunLimits, Tree } from "./tree.ts";

/** A copy of the checkout. */
export class Workshop implements Tree, AsyncDisposable {
  /** Where it is. */
  readonly root: URL;
  readonly #folder: string;
  readonly #files: readonly string[];
  /** Process groups of checks that run. */
  readonly #groups = new Set<number>();

  private constructor(folder: string, root: URL, files: readonly string[]) {
    this.root = root;
    this.#folder = folder;
    this.#files = files;
  }

  /** Copies all that git knows or would add, without its history. */
  static async open(): Promise<Workshop> {
    return await Workshop.#copyOf(PROJECT_ROOT, await filesOfCheckout());
  }

  /** Another copy of the same moment, whatever became of the checkout since. */
  async copy(): Promise<Workshop> {
    return await Workshop.#copyOf(this.root, this.#files);
  }

  static async #copyOf(from: URL, files: readonly string[]): Promise<Workshop> {
    const folder = await mkdtemp(join(tmpdir(), "mutants-"));
    const root = pathToFileURL(`${folder}/tree/`);
    await mkdir(join(folder, "scratch"));
    const copied: string[] = [];
    for (const path of files) {
      const to = new URL(path, root);
      await mkdir(dirname(fileURLToPath(to)), { recursive: true });
      // A file that was deleted and is still in the index is no part of the tree.
      if (await copyFile(new URL(path, from), to).then(() => true, isAbsent)) copied.push(path);
    }
    return new Workshop(folder, root, copied);
  }

  /** A source as it is without any fault. */
  async source(file: string): Promise<string> {
    return await readFile(new URL(file, this.root), "utf8");
  }

  /** Makes a fault, does something, and mends it. */
  withFault<T>(mutant: Mutant, use: () => Promise<T>): Promise<T> {
    return this.#withFaults([mutant], use);
  }

  /** Whether a check can be made in this checkout. */
  has(check: Check): boolean {
    const [program] = check.program ?? [];
    return program === undefined || this.#files.includes(program);
  }

  /** Runs a check within limits. */
  check(check: Check, limits: RunLimits): Promise<Run> {
    return this.#deno(argumentsOf(check, this.#files), limits);
  }

  /** Of mutants in different files, those whose types are wrong. */
  async broken(mutants: readonly Mutant[]): Promise<readonly Mutant[]> {
    const args = ["check", "--quiet", ...mutants.map(({ file }) => file)];
    const { outcome, output } = await this.#withFaults(mutants, () => this.#deno(args, TYPES_LIMITS));
    if (outcome === "passed") return [];
    const broken = mutants.filter(({ file }) => output.includes(`/${file}:`));
    if (broken.length === 0) throw new Error(`Cannot check types:\n${output}`);
    return broken;
  }

  async #withFaults<T>(mutants: readonly Mutant[], use: () => Promise<T>): Promise<T> {
    const sources = await Promise.all(mutants.map(({ file }) => this.source(file)));
    const write = (textOf: (mutant: Mutant, source: string) => string) =>
      Promise.all(
        mutants.map((mutant, index) =>
          writeFile(new URL(mutant.file, this.root), textOf(mutant, sources[index] ?? ""))
        ),
      );
    try {
      await write((mutant, source) => mutated(source, mutant));
      return await use();
    } finally {
      await write((_mutant, source) => source);
    }
  }

  async #deno(args: readonly string[], limits: RunLimits): Promise<Run> {
    const startedAt = performance.now();
    // A group of its own, so that nothing that a test has started outlives it.
    const child = new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd: this.root,
      env: { NO_COLOR: "1", TMPDIR: `${this.#folder}/scratch` },
      detached: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#groups.add(child.pid);
    let isTooLong = false;
    let heardAt = startedAt;
    let silentMs = 0;
    const hear = (): void => {
      const now = performance.now();
      silentMs = Math.max(silentMs, now - heardAt);
      heardAt = now;
    };
    const timer = setInterval(() => {
      const now = performance.now();
      if (now - startedAt < limits.durationMs && now - heardAt < limits.silentMs) return;
      isTooLong = true;
      endGroup(child.pid);
    }, 200);
    // What a test has left running holds the pipes open: they end with the group, which ends with deno.
    const [stdout, stderr, { success }] = await Promise.all([
      textOf(child.stdout, hear),
      textOf(child.stderr, hear),
      child.status.finally(() => endGroup(child.pid)),
    ]);
    hear();
    clearInterval(timer);
    this.#groups.delete(child.pid);
    const outcome = isTooLong ? "tooLong" : success ? "passed" : "failed";
    return { outcome, output: stdout + stderr, durationMs: performance.now() - startedAt, silentMs };
  }

  /** Ends what runs there, and removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.#groups) endGroup(pid);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const TYPES_LIMITS: RunLimits = { durationMs: 5 * 60_000, silentMs: 5 * 60_000 };

/** Reads a text, and tells whenever a part of it comes. */
async function textOf(stream: ReadableStream<Uint8Array>, hear: () => void): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of stream) {
    hear();
    text += decoder.decode(part, { stream: true });
  }
  return text + decoder.decode();
}

async function filesOfCheckout(): Promise<readonly string[]> {
  const { success, stdout, stderr } = await new Deno.Command("git", {
    args: ["ls-files", "--cached", "--others", "--exclude-standard", "-z"],
    cwd: PROJECT_ROOT,
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`Cannot list the files of the checkout: ${text.decode(stderr)}`);
  return text.decode(stdout).split("\0").filter((path) => path !== "");
}

function endGroup(pid: number): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch (error) {
    // Nobody of the group is left.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function isAbsent(error: unknown): false {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
  throw error;
}
