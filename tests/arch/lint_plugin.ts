/**
 * What `deno lint` asks of `src` beyond the standard rules: no clock, no chance, no waiting in the pure layers; no
 * ambient input, output or state anywhere.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const PURE_FOLDERS = ["src/mqtt/", "src/machine/", "src/routing/"];

/** The rooms where the platform's clocks, timers and random source come in; all others are given them. */
const AMBIENT_ROOMS = ["src/runtime/environment.ts", "src/admin/environment.ts", "src/cli/host.ts"];

/** Names whose value differs from run to run or from platform to platform, and what to do instead. */
const AMBIENT: Readonly<Record<string, string>> = {
  console: "hand the observer an event",
  Date: "take `now` as an argument",
  Deno: "take the object from the caller by a structural type",
  performance: "take `now` as an argument",
  setInterval: "report a deadline and let the host wait for it",
  setTimeout: "report a deadline and let the host wait for it",
  Temporal: "take `now` as an argument",
};

/** Of Web Crypto; its digests are the same everywhere, and free to use. */
const RANDOM_SOURCES = ["randomUUID", "getRandomValues"];

const MUTABLE_COLLECTIONS = ["Map", "Set", "WeakMap", "WeakSet"];

/** A file's place in the checkout, `/` between its parts; `undefined` outside of it. */
function pathInProject(filename: string): string | undefined {
  const normal = filename.replaceAll("\\", "/");
  const root = fileURLToPath(new URL("../../", import.meta.url)).replaceAll("\\", "/");
  return normal.startsWith(root) ? normal.slice(root.length) : undefined;
}

function isShipped(filename: string): boolean {
  const path = pathInProject(filename);
  return path !== undefined && (path === "mod.ts" || path.startsWith("src/"));
}

function isWithoutPlatform(filename: string): boolean {
  return isShipped(filename) && !AMBIENT_ROOMS.includes(pathInProject(filename) ?? "");
}

function isPure(filename: string): boolean {
  const path = pathInProject(filename);
  return path !== undefined && PURE_FOLDERS.some((folder) => path.startsWith(folder));
}

/** A rule that looks only at the files `covers` names. */
function rule(
  covers: (filename: string) => boolean,
  visitor: (report: (node: Deno.lint.Node, message: string) => void) => Deno.lint.LintVisitor,
): Deno.lint.Rule {
  return {
    create: (context) => covers(context.filename) ? visitor((node, message) => context.report({ node, message })) : {},
  };
}

/** Whether an identifier stands for a value or a type, rather than for the name of a member. */
function isReference(node: Deno.lint.Identifier): boolean {
  // Every node of the syntax tree may be a parent; `key`, `property` and `computed` mean the same on all that have them.
  const parent = node.parent as { key?: unknown; property?: unknown; value?: unknown; computed?: boolean };
  if (parent.computed === true) return true;
  return parent.property !== node && (parent.key !== node || parent.value === node);
}

/** `a.b` as `["a", "b"]`, `globalThis.` left out. */
function memberPath(node: Deno.lint.MemberExpression): readonly [string, string] | undefined {
  const { object, property } = node;
  if (object.type !== "Identifier") return undefined;
  if (property.type === "Identifier" && !node.computed) return [object.name, property.name];
  if (property.type === "Literal" && typeof property.value === "string") return [object.name, property.value];
  return undefined;
}

const noAmbient = rule(isWithoutPlatform, (report) => ({
  Identifier(node) {
    const advice = Object.hasOwn(AMBIENT, node.name) ? AMBIENT[node.name] : undefined;
    if (advice !== undefined && isReference(node)) report(node, `${node.name} is ambient: ${advice}`);
  },
  MemberExpression(node) {
    if (node.property.type === "Identifier" && RANDOM_SOURCES.includes(node.property.name)) {
      report(node, `${node.property.name} is chance: take a random source as an argument`);
    }
    const path = memberPath(node);
    if (path === undefined) return;
    const [object, property] = path;
    if (object === "globalThis" && Object.hasOwn(AMBIENT, property)) {
      report(node, `${property} is ambient: ${AMBIENT[property]}`);
    }
    if (object === "Math" && property === "random") {
      report(node, "Math.random is chance: take a random source as an argument");
    }
    if (object === "AbortSignal" && property === "timeout") {
      report(node, "AbortSignal.timeout is a timer: take the signal from the caller");
    }
  },
}));

const noAsync = rule(isPure, (report) => {
  const message = "the pure layers never wait: answer with a request, and take its result as an event";
  function asyncFunction(
    node: Deno.lint.FunctionDeclaration | Deno.lint.FunctionExpression | Deno.lint.ArrowFunctionExpression,
  ): void {
    if (node.async) report(node, message);
  }
  return {
    FunctionDeclaration: asyncFunction,
    FunctionExpression: asyncFunction,
    ArrowFunctionExpression: asyncFunction,
    AwaitExpression: (node) => report(node, message),
    ForOfStatement(node) {
      if (node.await) report(node, message);
    },
    VariableDeclaration(node) {
      if (node.kind === "await using") report(node, message);
    },
    ImportExpression: (node) => report(node, message),
    Identifier(node) {
      if ((node.name === "Promise" || node.name === "PromiseLike") && isReference(node)) report(node, message);
    },
  };
});

const noModuleState = rule(isShipped, (report) => ({
  VariableDeclaration(node) {
    const { parent } = node;
    if (parent.type !== "Program" && parent.type !== "ExportNamedDeclaration") return;
    if (node.kind === "let" || node.kind === "var") report(node, `a module-level ${node.kind} is shared state`);
    for (const { id, init } of node.declarations) {
      if (init?.type !== "NewExpression" || init.callee.type !== "Identifier") continue;
      if (!MUTABLE_COLLECTIONS.includes(init.callee.name) || isDeclaredReadonly(id)) continue;
      report(node, `a module-level ${init.callee.name} is shared state unless its type is Readonly${init.callee.name}`);
    }
  },
}));

/** Whether a variable's declared type is `ReadonlyMap` or the like. */
function isDeclaredReadonly(id: Deno.lint.VariableDeclarator["id"]): boolean {
  if (id.type !== "Identifier") return false;
  const type = id.typeAnnotation?.typeAnnotation;
  return type?.type === "TSTypeReference" && type.typeName.type === "Identifier" &&
    type.typeName.name.startsWith("Readonly");
}

const namedExports = rule(isShipped, (report) => ({
  ExportAllDeclaration: (node) => report(node, "export name by name: `export *` hides what is public"),
  ExportDefaultDeclaration: (node) => report(node, "a default export has no name of its own: export it by name"),
}));

/** The plugin; each rule says what it is for in its message. */
const plugin: Deno.lint.Plugin = {
  name: "edge-mqtt",
  rules: {
    "no-ambient": noAmbient,
    "no-async": noAsync,
    "no-module-state": noModuleState,
    "named-exports": namedExports,
  },
};
// deno lint loads a plugin by its default export.
export default plugin;
