/**
 * The rules of the house: who may import whom. `errors, mqtt ← machine, routing ← store ← stores | runtime | admin ← hosts`, and `cli` on top of `admin` and the stores.
 *
 * @module
 */
import { cycles, type ModuleGraph, reachable } from "./module_graph.ts";

const CORE = ["errors", "mqtt", "machine", "routing"];

/** What each layer may import beside itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  mqtt: ["errors"],
  machine: ["errors", "mqtt"],
  routing: ["errors", "mqtt"],
  store: CORE,
  stores: [...CORE, "store"],
  runtime: [...CORE, "store"],
  admin: [...CORE, "store"],
  cli: [...CORE, "store", "stores", "admin"],
  hosts: [...CORE, "store", "runtime"],
  testing: [...CORE, "store", "stores", "runtime"],
};

/** Narrower bounds for some folders or files; they take the place of their layer's. */
const NARROWER: Readonly<Record<string, readonly string[]>> = {
  "src/hosts/mqtt_packet": ["errors", "mqtt"],
};

/** What its siblings may import all the same: translations that need nothing above `mqtt`. */
const FOR_SIBLINGS: readonly string[] = ["src/hosts/mqtt_packet"];

/** The packages that are shipped, and the paths under which each may be imported. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "valibot": ["src/machine/", "src/store/", "src/stores/", "src/runtime/", "src/admin/"],
  "@upstash/redis": ["src/stores/upstash_redis"],
  "idb-keyval": ["src/stores/idb_keyval"],
};

/** Every breach of the rules in a graph, as one sentence each. */
export function breaches(graph: ModuleGraph): readonly string[] {
  const found: string[] = [];
  for (const [from, targets] of graph) {
    for (const to of targets) {
      const breach = graph.has(to) ? projectImport(from, to) : foreignImport(from, to);
      if (breach !== undefined) found.push(`${from} imports ${to}: ${breach}`);
    }
  }
  for (const cycle of cycles(graph)) found.push(`import cycle: ${cycle.join(" → ")}`);
  for (const path of reachable(graph, "mod.ts")) {
    const backend = unit(path, "src/stores/");
    if (backend !== undefined && backend !== "memory") found.push(`mod.ts reaches ${path}: only memory may be reached`);
  }
  return found;
}

function projectImport(from: string, to: string): string | undefined {
  const folder = to.slice(0, to.lastIndexOf("/") + 1);
  if (to.slice(folder.length).startsWith("_") && !from.startsWith(folder)) return `it is private to ${folder}`;
  if (to === "mod.ts") return "no module needs its own front door";
  if (from === "mod.ts") return undefined;

  const [own, other] = [layer(from), layer(to)];
  const allowed = boundsOf(from, own);
  if (allowed === undefined) return `${own} is no layer`;
  if (own !== other) return allowed.includes(other) ? undefined : `${own} may not import ${other}`;

  if (FOR_SIBLINGS.some((place) => to.startsWith(`${place}/`))) return undefined;
  for (const siblings of ["src/stores/", "src/hosts/"]) {
    if (unit(from, siblings) !== unit(to, siblings)) return `${siblings}* do not import each other`;
  }
  return undefined;
}

function foreignImport(from: string, specifier: string): string | undefined {
  if (specifier.startsWith("src/")) return "there is no such file";
  const name = specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
  const places = Object.hasOwn(PACKAGES, name) ? PACKAGES[name] : undefined;
  if (places === undefined) return "it is not shipped";
  return places.some((place) => from.startsWith(place)) ? undefined : `it may be imported under ${places} only`;
}

function boundsOf(path: string, own: string): readonly string[] | undefined {
  const narrower = Object.keys(NARROWER).find((place) => path.startsWith(`${place}/`) || path === `${place}.ts`);
  if (narrower !== undefined) return NARROWER[narrower];
  return Object.hasOwn(MAY_IMPORT, own) ? MAY_IMPORT[own] : undefined;
}

/** `src/errors.ts` is the layer errors, `src/machine/step.ts` the layer machine. */
function layer(path: string): string {
  return unit(path, "src/") ?? path;
}

/** The file or folder right under a place that a path belongs to: memory for `src/stores/memory.ts`. */
function unit(path: string, place: string): string | undefined {
  if (!path.startsWith(place)) return undefined;
  return path.slice(place.length).split("/")[0]?.replace(/\.ts$/, "");
}
