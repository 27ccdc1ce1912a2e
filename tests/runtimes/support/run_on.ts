/**
 * The programs on each runtime.
 *
 * @module
 */
import { Miniflare } from "miniflare";
import { launchChromium } from "../../browser/support/chromium.ts";
import { BUN, NODE_20, NODE_24, type NpmRuntime, npmRuntime } from "../../support/npm_runtimes.ts";
import type { Outcomes, Runtime } from "../programs/entry_points.ts";
import type { Surroundings } from "../programs/support/surroundings.ts";
import type { PackedApp } from "./packed_app.ts";

/** A runtime that says nothing for so long hangs. */
const LIMIT_MS = 120_000;

/** Runs the programs; how the entry points went. */
export function runOn(runtime: Runtime, app: PackedApp, surroundings: Surroundings): Promise<Outcomes> {
  switch (runtime) {
    case "Deno":
      return onScript(runtime, app, surroundings, Deno.execPath(), [
        "run",
        "-A",
        "--quiet",
        "--no-lock",
        "--node-modules-dir=manual",
        "--unstable-kv",
      ]);
    case "Node 20":
      return onScript(runtime, app, surroundings, programOf(NODE_20));
    case "Node 24":
      return onScript(runtime, app, surroundings, programOf(NODE_24));
    case "Bun":
      return onScript(runtime, app, surroundings, programOf(BUN));
    case "workerd":
      return onWorkerd(app, surroundings);
    case "Chromium":
      return onChromium(app, surroundings);
  }
}

function programOf(runtime: NpmRuntime): string {
  const program = npmRuntime(runtime);
  if (program === undefined) throw new Error(`there is no ${runtime.name} here`);
  return program;
}

async function onScript(
  runtime: Runtime,
  { folder, script }: PackedApp,
  surroundings: Surroundings,
  program: string,
  args: readonly string[] = [],
): Promise<Outcomes> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args, script, runtime, JSON.stringify(surroundings)],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(LIMIT_MS),
  }).output();
  const said = new TextDecoder().decode(stdout).trim();
  if (!success) throw new Error(`${runtime} failed: ${said}\n${new TextDecoder().decode(stderr)}`);
  return JSON.parse(said.slice(said.lastIndexOf("\n") + 1));
}

async function onWorkerd({ worker }: PackedApp, surroundings: Surroundings): Promise<Outcomes> {
  const miniflare = new Miniflare({
    modules: [{ type: "ESModule", path: "worker.js", contents: worker }],
    compatibilityDate: "2026-04-01",
    kvNamespaces: ["SESSIONS"],
    durableObjects: { OBJECTS: { className: "SessionObject", useSQLite: true } },
    // Otherwise it looks up where this machine is.
    cf: false,
  });
  try {
    const answer = await miniflare.dispatchFetch("http://worker/", {
      method: "POST",
      body: JSON.stringify(surroundings),
    });
    const said = await answer.text();
    if (!answer.ok) throw new Error(`workerd failed: ${said}`);
    return JSON.parse(said);
  } finally {
    await miniflare.dispose();
  }
}

const PAGE = `<!doctype html>
<meta charset="utf-8"><title>programs</title><link rel="icon" href="data:,">
<script type="module">import { outcomes } from "/page.js"; globalThis.outcomes = outcomes;</script>
`;

/** Where pages find the database. */
const DATABASE = "/database";

async function passOn({ method, headers, body }: Request, url: string): Promise<Response> {
  return await fetch(url, { method, headers, body });
}

async function onChromium({ page }: PackedApp, surroundings: Surroundings): Promise<Outcomes> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith(DATABASE)) {
      return passOn(request, surroundings.upstash.url + pathname.slice(DATABASE.length));
    }
    const isScript = pathname === "/page.js";
    return new Response(isScript ? page : PAGE, {
      headers: { "content-type": isScript ? "text/javascript; charset=utf-8" : "text/html; charset=utf-8" },
    });
  });
  try {
    await using chromium = await launchChromium();
    const url = `http://127.0.0.1:${server.addr.port}`;
    const opened = await chromium.open(url);
    // Its script may still be running.
    await opened.waitForFunction("globalThis.outcomes !== undefined");
    // Upstash lets pages of any origin ask; the server of the tests does not.
    const upstash = { ...surroundings.upstash, url: `${url}${DATABASE}` };
    return await opened.evaluate(`outcomes(${JSON.stringify({ ...surroundings, upstash })})`);
  } finally {
    await server.shutdown();
  }
}
