/**
 * The commands.
 *
 * @module
 */
import {
  type ChangeOutcome,
  doctor,
  exportResumePoint,
  exportSessions,
  importSessions,
  type SessionAdmin,
  sessionAdmin,
  type SessionFilter,
} from "../admin/mod.ts";
import { SessionError } from "../errors.ts";
import type { QoS } from "../mqtt/qos.ts";
import type { RetainedStore } from "../store/retained_store.ts";
import type { SessionStore } from "../store/session_store.ts";
import { type Arguments, FLAGS, numberOf, readArguments, UsageError, VALUES, wholeNumber } from "./arguments.ts";
import type { CommandHost } from "./host.ts";
import { openStore } from "./store.ts";
import { explanationText, inspectionText, quoted, summaryLine } from "./words.ts";

const EXIT = { done: 0, nothing: 1, usage: 2, failed: 3 } as const;

/** What a command works with. */
interface Work {
  readonly host: CommandHost;
  readonly args: Arguments;
  readonly store: SessionStore;
  readonly admin: SessionAdmin;
  readonly retained: RetainedStore;
}

interface Command {
  /** What stands behind its name. */
  readonly takes: readonly string[];
  readonly says: string;
  readonly run: (work: Work) => Promise<number>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  list: { takes: [], says: "sessions, a line each", run: list },
  inspect: { takes: ["CLIENT"], says: "all that is stored of a session but its messages", run: inspect },
  explain: { takes: ["CLIENT"], says: "what became of its sessions, and why the last was not kept", run: explain },
  end: {
    takes: ["CLIENT"],
    says: "end its session",
    run: (work) => change(work, (client, how) => work.admin.end(client, how)),
  },
  purge: { takes: ["CLIENT"], says: "remove the messages that wait, and none that was started", run: purge },
  expiry: {
    takes: ["CLIENT", "SECONDS"],
    says: "put another Session Expiry Interval in force; never for 4294967295",
    run: setExpiry,
  },
  subscribe: { takes: ["CLIENT", "FILTER"], says: "subscribe on its behalf", run: subscribe },
  unsubscribe: {
    takes: ["CLIENT", "FILTER"],
    says: "end a subscription on its behalf",
    run: (work) => change(work, (client, how) => work.admin.unsubscribe(client, work.args.positionals[1] ?? "", how)),
  },
  export: { takes: [], says: "write sessions out; the file holds payloads, as the store does", run: exporting },
  import: { takes: [], says: "put exported sessions into the store", run: importing },
  doctor: { takes: [], says: "find rows that do not fit together, and repair them with --repair", run: examining },
};

/** Runs a command; its exit code. */
export async function runCommand(host: CommandHost, given: readonly string[]): Promise<number> {
  try {
    const args = readArguments(given);
    if (args.flags.has("help") || args.command === "") {
      await host.print(help());
      return args.flags.has("help") ? EXIT.done : EXIT.usage;
    }
    const command = Object.hasOwn(COMMANDS, args.command) ? COMMANDS[args.command] : undefined;
    if (command === undefined) throw new UsageError(`${args.command} is no command`);
    if (args.positionals.length !== command.takes.length) {
      throw new UsageError(`${args.command} takes ${command.takes.join(" ") || "nothing"}`);
    }
    const { store, retained, close } = await openStore(host, args);
    try {
      return await command.run({ host, args, store, admin: sessionAdmin(store), retained });
    } finally {
      close();
    }
  } catch (error) {
    const isUsage = error instanceof UsageError || error instanceof RangeError || error instanceof TypeError;
    const code = error instanceof SessionError ? `${error.code}: ` : "";
    await host.complain(`${code}${error instanceof Error ? error.message : String(error)}\n`);
    if (isUsage) await host.complain("See --help.\n");
    return isUsage ? EXIT.usage : EXIT.failed;
  }
}

async function list({ host, args, admin }: Work): Promise<number> {
  const limit = numberOf(args, "limit", 1) ?? Infinity;
  const filter = filterOf(args);
  let count = 0;
  let cursor: string | undefined;
  while (count < limit) {
    const page = await admin.list({
      ...filter,
      limit: Math.min(100, limit - count),
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const line of page.sessions) {
      await say(host, args, line, () => summaryLine(line, host.moment) + "\n");
      count++;
    }
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  return EXIT.done;
}

async function inspect({ host, args, admin }: Work): Promise<number> {
  const found = await admin.inspect(args.positionals[0] ?? "", { payload: args.flags.has("payload") });
  if (found === undefined) return await nothing(host, args);
  await say(host, args, found, () => inspectionText(found, host.moment));
  return EXIT.done;
}

async function explain({ host, args, admin }: Work): Promise<number> {
  const found = await admin.explain(args.positionals[0] ?? "");
  await say(host, args, found, () => explanationText(found, host.moment));
  return found.exists || found.journal.length > 0 ? EXIT.done : EXIT.nothing;
}

type HowOwned = { readonly whenOwned: "supersede" | "refuse" };

function howOwned({ flags }: Arguments): HowOwned {
  return { whenOwned: flags.has("refuse") ? "refuse" : "supersede" };
}

async function change(
  { host, args }: Work,
  run: (clientId: string, how: HowOwned) => Promise<ChangeOutcome>,
): Promise<number> {
  const outcome = await run(args.positionals[0] ?? "", howOwned(args));
  await say(host, args, { outcome }, () => `${outcome}\n`);
  return outcome === "changed" || outcome === "unchanged" ? EXIT.done : EXIT.nothing;
}

async function purge({ host, args, admin }: Work): Promise<number> {
  const { filter } = args.values;
  const result = await admin.purgeQueue(args.positionals[0] ?? "", {
    ...howOwned(args),
    ...(filter === undefined ? {} : { topicFilter: filter }),
  });
  await say(host, args, result, () => `${result.outcome}: ${result.messages} messages of ${result.bytes} B\n`);
  return result.outcome === "changed" || result.outcome === "unchanged" ? EXIT.done : EXIT.nothing;
}

async function setExpiry(work: Work): Promise<number> {
  const seconds = wholeNumber("SECONDS", work.args.positionals[1] ?? "", 0, 0xffff_ffff);
  return await change(work, (client, how) => work.admin.setExpiry(client, seconds, how));
}

async function subscribe(work: Work): Promise<number> {
  const qos = (numberOf(work.args, "qos", 0, 2) ?? 1) as QoS; // It was looked at.
  const filter = work.args.positionals[1] ?? "";
  return await change(work, (client, how) => work.admin.subscribe(client, filter, { qos }, how));
}

async function exporting({ host, args, store, retained }: Work): Promise<number> {
  const { file = "-" } = args.values;
  const filter = filterOf(args);
  const isAll = Object.keys(filter).length === 0;
  if (args.flags.has("resume") && file === "-") throw new UsageError("--resume needs a --file");
  const resume = args.flags.has("resume") ? await exportResumePoint(await host.read(file)) : undefined;
  const out = await host.write(file, resume?.bytes ?? 0);
  try {
    const options = {
      ...(isAll ? {} : { filter }),
      ...(args.flags.has("sessions-only") ? {} : { retained }),
      ...(resume === undefined ? {} : { resume }),
    };
    for await (const line of exportSessions(store, options)) await out.write(line);
  } finally {
    await out.close();
  }
  return EXIT.done;
}

async function importing({ host, args, store, retained }: Work): Promise<number> {
  const { file = "-" } = args.values;
  let left = 0;
  const events = importSessions(store, await host.read(file), {
    dryRun: args.flags.has("dry-run"),
    whenExists: args.flags.has("replace") ? "replace" : "refuse",
    afterLine: numberOf(args, "after", 0) ?? 0,
    ...(args.flags.has("sessions-only") ? {} : { retained }),
  });
  for await (const event of events) {
    if (event.type === "session" && event.outcome === "exists") left++;
    await say(host, args, event, () => {
      if (event.type === "owed") return `line ${event.line}: a message of an outbox was handed on\n`;
      if (event.type === "retained") {
        return `line ${event.line}: ${event.stored} retained messages stored, ${event.left} left\n`;
      }
      if (event.type === "end") {
        const { sessions, messages, owed, retained } = event;
        return `${sessions} sessions, ${messages} messages, ${owed} owed, ${retained} retained\n`;
      }
      const differences = (event.differences ?? []).map((each) => `  ${each}\n`).join("");
      return `line ${event.line}: ${
        quoted(event.clientId)
      } ${event.outcome}, ${event.messages} messages\n${differences}`;
    });
  }
  return left === 0 ? EXIT.done : EXIT.nothing;
}

async function examining({ host, args, store }: Work): Promise<number> {
  let left = 0;
  for await (const finding of doctor(store, { repair: args.flags.has("repair") })) {
    if (!finding.repaired) left++;
    await say(host, args, finding, () => {
      const whose = finding.clientId === undefined ? "" : ` of ${quoted(finding.clientId)}`;
      return `${finding.kind}${whose}: ${finding.key}${finding.repaired ? ", repaired" : ""}\n`;
    });
  }
  return left === 0 ? EXIT.done : EXIT.nothing;
}

async function nothing(host: CommandHost, args: Arguments): Promise<number> {
  await say(host, args, { outcome: "absent" }, () => "absent\n");
  return EXIT.nothing;
}

function filterOf(args: Arguments): SessionFilter {
  const { "client-prefix": prefix, pattern } = args.values;
  const protocol = numberOf(args, "protocol", 4, 5);
  const minimumQueued = numberOf(args, "min-queued", 0);
  const [attached, detached] = [args.flags.has("attached"), args.flags.has("detached")];
  if (attached && detached) throw new UsageError("--attached and --detached leave nothing");
  return {
    ...(prefix === undefined ? {} : { clientIdPrefix: prefix }),
    ...(pattern === undefined ? {} : { clientIdPattern: pattern }),
    ...(protocol === undefined ? {} : { protocolVersion: protocol === 4 ? 4 : 5 }),
    ...(minimumQueued === undefined ? {} : { minimumQueued }),
    ...(attached || detached ? { attached } : {}),
  };
}

/** Says something in JSON to programs, in words to people. */
async function say(host: CommandHost, { flags }: Arguments, value: object, words: () => string): Promise<void> {
  await host.print(flags.has("json") ? JSON.stringify(value, plain) + "\n" : words());
}

function plain(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Array.from(value) : value;
}

function help(): string {
  const names = Object.entries(COMMANDS).map(([name, { takes, says }]) =>
    `  ${[name, ...takes].join(" ").padEnd(28)}${says}`
  );
  const options = [
    ...Object.entries(VALUES).map(([name, says]) => `  --${`${name} X`.padEnd(26)}${says}`),
    ...Object.entries(FLAGS).map(([name, says]) => `  --${name.padEnd(26)}${says}`),
  ];
  return `Looks at MQTT sessions in their store, and changes them, whether brokers run or not.

sessions COMMAND --store deno-kv:PATH | upstash [options]

${names.join("\n")}

${options.join("\n")}

upstash takes UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN from the environment; neither is ever shown.
Exit codes: 0 done, 1 nothing to do it to or something found, 2 not understood, 3 the store failed.
`;
}
