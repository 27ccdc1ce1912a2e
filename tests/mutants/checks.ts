/**
 * What may catch a mutant, and in which order it is tried: the quickest and likeliest first.
 *
 * @module
 */

/** Tests, or a program, that may notice a fault. */
export interface Check {
  readonly name: string;
  /** The test files that belong to it; a program has none. */
  readonly files?: RegExp;
  /** Of these files' tests, those that count, as `--filter` of `deno test` takes them; all of them without it. */
  readonly filter?: string;
  /** A program with its arguments, which fails when it notices something. */
  readonly program?: readonly string[];
}

const CHECKS = [
  { name: "unit of the machine", files: /^tests\/unit\/machine\// },
  { name: "unit of routing", files: /^tests\/unit\/routing\// },
  { name: "unit of the store", files: /^tests\/unit\/store\// },
  { name: "unit of the memory store", files: /^tests\/unit\/stores\/memory/ },
  { name: "unit of the Deno KV store", files: /^tests\/unit\/stores\/deno_kv/ },
  { name: "unit of the IndexedDB store", files: /^tests\/unit\/stores\/idb_keyval/ },
  { name: "unit of the Workers KV store", files: /^tests\/unit\/stores\/cloudflare_kv/ },
  { name: "unit of the Upstash client", files: /^tests\/unit\/stores\/upstash_redis\/(?!.*_redis_test)/ },
  { name: "unit of the Upstash store", files: /^tests\/unit\/stores\/upstash_redis\/.*_redis_test/ },
  { name: "unit of the runtime", files: /^tests\/unit\/runtime\// },
  { name: "unit of administration", files: /^tests\/unit\/admin\/(?!.*_redis_test)/ },
  { name: "properties", files: /^tests\/properties\/machine_test/ },
  { name: "spec", files: /^tests\/spec\// },
  { name: "conformance of memory", files: /^tests\/conformance\/memory/ },
  { name: "conformance of key-value", files: /^tests\/conformance\/(key_value|retained_test)/ },
  { name: "interleavings", files: /^tests\/conformance\/(interleavings|unknown_outcomes)/ },
  { name: "conformance of Deno KV", files: /^tests\/conformance\/(deno_kv|custom_store)/ },
  { name: "conformance of IndexedDB", files: /^tests\/conformance\/idb_keyval/ },
  { name: "conformance of a Durable Object", files: /^tests\/conformance\/durable_object/ },
  { name: "conformance of Workers KV", files: /^tests\/conformance\/cloudflare_kv/ },
  { name: "conformance of Upstash", files: /^tests\/conformance\/(upstash_redis_test|retained_redis_test)/ },
  { name: "conformance of an Upstash cluster", files: /^tests\/conformance\/upstash_redis_cluster/ },
  { name: "faults", files: /^tests\/faults\/(?!.*_redis_test)/ },
  { name: "faults in Redis", files: /^tests\/faults\/.*_redis_test/ },
  { name: "simulation", program: ["tests/simulation/main.ts", "--runs", "1000", "--from", "1", "--workers", "1"] },
  {
    name: "simulation of pages",
    program: ["tests/simulation/main.ts", "--runs", "300", "--from", "10000000", "--workers", "1"],
  },
  {
    name: "simulation of groups",
    program: ["tests/simulation/main.ts", "--runs", "300", "--from", "30000001", "--workers", "1"],
  },
  { name: "e2e", files: /^tests\/e2e\/(two_brokers|due|slow_client|bad_input)_test/ },
  { name: "e2e in Redis", files: /^tests\/e2e\/(two_brokers|due|upstash)_redis_test/ },
] as const satisfies readonly Check[];

type CheckName = (typeof CHECKS)[number]["name"];

/** For the beginning of a path, the checks in order. The first that fits a file is its own. */
const PLANS: readonly (readonly [place: string, checks: readonly CheckName[]])[] = [
  [
    "src/machine/rules/client_",
    ["unit of the machine", "properties", "unit of the runtime", "faults", "simulation of pages", "spec"],
  ],
  ["src/admin/", ["unit of administration"]],
  ["src/machine/rules/claiming", ["unit of the machine", "unit of the runtime", "properties", "simulation of groups"]],
  ["src/machine/", ["unit of the machine", "properties", "spec", "unit of the runtime", "simulation", "e2e"]],
  [
    "src/routing/",
    [
      "unit of routing",
      "conformance of memory",
      "conformance of key-value",
      "unit of the runtime",
      "spec",
      "simulation",
    ],
  ],
  [
    "src/store/key_value/",
    [
      "unit of the store",
      "conformance of key-value",
      "interleavings",
      "faults",
      "conformance of Deno KV",
      "simulation",
      "e2e",
    ],
  ],
  [
    "src/store/",
    [
      "unit of the store",
      "conformance of key-value",
      "interleavings",
      "faults",
      "conformance of Deno KV",
      "conformance of Upstash",
      "simulation",
      "e2e",
    ],
  ],
  [
    "src/stores/memory",
    [
      "unit of the memory store",
      "conformance of memory",
      "interleavings",
      "conformance of key-value",
      "spec",
      "simulation",
    ],
  ],
  ["src/stores/idb_keyval/", ["unit of the IndexedDB store", "conformance of IndexedDB"]],
  ["src/stores/durable_object/", ["conformance of a Durable Object"]],
  ["src/stores/cloudflare_kv/", ["unit of the Workers KV store", "conformance of Workers KV"]],
  ["src/stores/deno_kv", ["unit of the Deno KV store", "conformance of Deno KV", "e2e"]],
  [
    "src/stores/upstash_redis/",
    [
      "unit of the Upstash client",
      "conformance of Upstash",
      "unit of the Upstash store",
      "conformance of an Upstash cluster",
      "faults in Redis",
      "simulation",
      "e2e in Redis",
    ],
  ],
  ["src/runtime/client/", ["unit of the runtime", "faults", "simulation of pages", "spec"]],
  ["src/runtime/administration", ["unit of administration", "unit of the runtime"]],
  ["src/runtime/orders", ["unit of administration", "unit of the runtime"]],
  ["src/runtime/groups/", ["unit of the runtime", "faults", "properties", "simulation of groups"]],
  ["src/runtime/", ["unit of the runtime", "spec", "faults", "simulation", "e2e", "faults in Redis"]],
];

/** The checks of a mutant in this file. Throws a `RangeError` for a file that no plan is for. */
export function checksFor(file: string): readonly Check[] {
  const plan = PLANS.find(([place]) => file.startsWith(place));
  if (plan === undefined) throw new RangeError(`Cannot judge a mutant: no checks are known for ${file}`);
  return plan[1].flatMap((name) => CHECKS.filter((check) => check.name === name));
}

/** A check by one of its files alone. */
export function narrowed(check: Check, file: string): Check {
  return { ...check, name: `${check.name}: ${file}`, files: new RegExp(`^${RegExp.escape(file)}$`) };
}

/** All checks. */
export const ALL_CHECKS: readonly Check[] = CHECKS;

/** The arguments of deno that run a check on the test files of a checkout. */
export function argumentsOf(check: Check, testFiles: readonly string[]): readonly string[] {
  if (check.program !== undefined) return ["run", "-A", "--no-check", "--quiet", ...check.program];
  const files = testFiles.filter((file) => check.files?.test(file) && file.endsWith("_test.ts"));
  const filter = check.filter === undefined ? [] : ["--filter", check.filter];
  return ["test", "-A", "--no-check", "--quiet", "--fail-fast", ...filter, ...files];
}
