import { build, type BuildOptions, stop } from "esbuild";
import { cp, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import config from "../../../deno.json" with { type: "json" };
import { PROJECT_ROOT, runDeno } from "../../support/deno.ts";

/** An application of its own, outside of the project, that has the packed build installed and nothing else of it. */
export interface PackedApp extends AsyncDisposable {
  readonly folder: URL;
  /** What `deno pack` wrote of the package. */
  readonly manifest: PackageManifest;
  /** The script for Deno, Node and Bun, which imports the package as they do. */
  readonly script: string;
  /** The worker as one module. */
  readonly worker: string;
  /** What a page runs as one module. */
  readonly page: string;
}

/** What matters of a package.json. */
export interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** What the programs import beside the package. */
const OWN_DEPENDENCIES = ["aedes", "buffer", "events", "mqtt", "mqtt-packet"] as const;

/** Packs the build, installs it in an application, and bundles the programs there. */
export async function packedApp(): Promise<PackedApp> {
  const path = await Deno.makeTempDir({ prefix: "edge-mqtt-packed-" });
  const folder = pathToFileURL(`${path}/`);
  const dispose = () => Deno.remove(path, { recursive: true });
  try {
    const manifest = await packInto(folder);
    await install(folder, manifest);
    await cp(new URL("../programs/", import.meta.url), new URL("programs/", folder), { recursive: true });
    await bundle(folder, {
      entryPoints: ["programs/main_script.ts"],
      platform: "node",
      packages: "external",
      splitting: true,
      outdir: "script",
    });
    // As bundlers for either do: the platform has nothing of Node.
    await bundle(folder, {
      entryPoints: ["programs/main_worker.ts"],
      platform: "browser",
      conditions: ["worker"],
      outfile: "worker.js",
    });
    await bundle(folder, { entryPoints: ["programs/main_page.ts"], platform: "browser", outfile: "page.js" });
    return {
      folder,
      manifest,
      script: fileURLToPath(new URL("script/main_script.js", folder)),
      worker: await readFile(new URL("worker.js", folder), "utf8"),
      page: await readFile(new URL("page.js", folder), "utf8"),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  } finally {
    // Or its process would keep this one.
    await stop();
  }
}

/** The package as npm would unpack it, in `package/`. */
async function packInto(folder: URL): Promise<PackageManifest> {
  const file = fileURLToPath(new URL("package.tgz", folder));
  const { success, output } = await runDeno(["pack", "--allow-dirty", "--output", file]);
  if (!success) throw new Error(`Cannot pack: ${output}`);
  const unpacked = await new Deno.Command("tar", { args: ["-xzf", file], cwd: folder, stdin: "null" }).output();
  if (!unpacked.success) throw new Error(`Cannot unpack: ${new TextDecoder().decode(unpacked.stderr)}`);
  return JSON.parse(await readFile(new URL("package/package.json", folder), "utf8"));
}

/** Installs what the package says that it needs, then the package. */
async function install(folder: URL, { name, version, dependencies }: PackageManifest): Promise<void> {
  const own = OWN_DEPENDENCIES.map((each) => [each, versionOf(each)]);
  const needed = { ...dependencies, ...Object.fromEntries(own) };
  const write = (all: object) =>
    writeFile(new URL("package.json", folder), JSON.stringify({ type: "module", dependencies: all }));
  await write(needed);
  // The same versions as those that everything else is tested with.
  await cp(new URL("deno.lock", PROJECT_ROOT), new URL("deno.lock", folder));
  const { success, output } = await runDeno(["install", "--quiet", "--node-modules-dir=auto"], folder);
  if (!success) throw new Error(`Cannot install what the package needs: ${output}`);
  await write({ ...needed, [name]: version });
  const place = new URL(`node_modules/${name}`, folder);
  await mkdir(new URL(".", place), { recursive: true });
  await rename(new URL("package", folder), place);
}

function versionOf(name: typeof OWN_DEPENDENCIES[number]): string {
  return config.imports[name].replace(`npm:${name}@`, "");
}

async function bundle(folder: URL, options: BuildOptions): Promise<void> {
  await build({
    bundle: true,
    format: "esm",
    target: "es2022",
    absWorkingDir: fileURLToPath(folder),
    // What libraries of Node ask for where they are not on Node.
    define: { global: "globalThis" },
    ...options,
  });
}
