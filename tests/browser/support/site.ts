import { bundle } from "./bundle.ts";

/** How a site is made. */
export interface SiteOptions {
  /** A module (its path from the project's root) whose exports every page of the site can be asked to call. */
  readonly program: string;
  /** Answers what is no page and no program; `undefined` is a 404. */
  readonly handle?: (request: Request) => Response | Promise<Response> | undefined;
}

/** Pages on a port of this machine, an origin of their own. */
export interface Site extends AsyncDisposable {
  /** Where any path but `/program.js` is a page that runs the program. */
  readonly url: string;
}

/** The page: `program` are the exports, once there is a `program`. */
const PAGE = `<!doctype html>
<meta charset="utf-8"><title>program</title><link rel="icon" href="data:,">
<script type="module">import * as program from "/program.js"; globalThis.program = program;</script>
`;

/** Serves pages that run a program. */
export async function serveSite({ program, handle }: SiteOptions): Promise<Site> {
  const script = await bundle(program);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/program.js") return new Response(script, { headers: { "content-type": "text/javascript" } });
    const answer = await handle?.(request);
    if (answer !== undefined) return answer;
    return new Response(PAGE, { headers: { "content-type": "text/html" } });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** What pages of Playwright and of Puppeteer have in common. */
export interface EvaluatingPage {
  evaluate(script: string): Promise<unknown>;
}

/** Calls what the program of a page exports. Arguments and the answer are what JSON can hold. */
export async function call<Result>(page: EvaluatingPage, name: string, ...args: readonly unknown[]): Promise<Result> {
  const list = args.map((argument) => JSON.stringify(argument)).join(", ");
  // The program may still be loading. What it answers is said by its own types, which the caller repeats.
  return await page.evaluate(
    `new Promise((resolve) => document.readyState === "complete" ? resolve() : addEventListener("load", resolve))
       .then(() => program.${name}(${list}))`,
  ) as Result;
}
