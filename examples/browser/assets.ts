/**
 * The files of the page: its script is bundled once, at the start.
 *
 * @module
 */
import { join } from "node:path";

/** A file as it is sent. */
export interface Asset {
  readonly type: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

const PAGE = new URL("page/", import.meta.url);

const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/style.css": ["style.css", "text/css; charset=utf-8"],
  "/icon.svg": ["icon.svg", "image/svg+xml"],
};

/** Everything the page consists of, by path. Bundles its script, which fetches the bundler the first time. */
export async function pageAssets(): Promise<ReadonlyMap<string, Asset>> {
  const assets = new Map<string, Asset>();
  for (const [path, [file, type]] of Object.entries(FILES)) {
    assets.set(path, { type, body: await Deno.readFile(new URL(file, PAGE)) });
  }
  return assets.set("/page.js", { type: "text/javascript; charset=utf-8", body: await bundle() });
}

async function bundle(): Promise<Uint8Array<ArrayBuffer>> {
  const folder = await Deno.makeTempDir({ prefix: "edge-mqtt-page-" });
  try {
    const out = join(folder, "page.js");
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["bundle", "--quiet", "--platform", "browser", "--minify", "--output", out, new URL("main.ts", PAGE).href],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(`the page cannot be bundled: ${new TextDecoder().decode(stderr).trim()}`);
    return await Deno.readFile(out);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
