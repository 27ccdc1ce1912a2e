/**
 * The command line of the example broker.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { QueueRule } from "@edge-mqtt/session";

/** Where sessions can live. */
const STORES = ["memory", "deno-kv", "upstash"] as const;

/** The name of a store. */
export type StoreName = typeof STORES[number];

/** What the command line says, with every default filled in. */
export interface Settings {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly store: StoreName;
  /** The file of Deno KV. */
  readonly data: string;
  /** In front of all keys in Upstash Redis. */
  readonly prefix: string;
  /** Whether a Redis Cluster is behind the REST protocol. */
  readonly cluster: boolean;
  readonly node: string;
  readonly leaseMs: number;
  /** Added to the clock, so that tests can let a week go by. */
  readonly clockOffsetMs: number;
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
  /** How many messages may be retained; none where 0. */
  readonly maxRetained: number;
  /** Whether clients may share subscriptions; a cluster cannot. */
  readonly shared: boolean;
  /** The longest Session Expiry Interval, in seconds. */
  readonly sessionExpiryMax: number;
  /** How often news from other brokers on the same data are looked for. */
  readonly pollMs: number;
  /** How long a client may leave its socket unread. */
  readonly stallMs: number;
  /** The largest packet that a client may send, in bytes. */
  readonly maxPacketBytes: number;
  /** How many received bytes of one client may wait. */
  readonly maxInputBytes: number;
  /** How messages of some topics wait. */
  readonly queueRules: readonly QueueRule[];
  /** The file that flight recordings are added to; absent for none. */
  readonly record?: string;
}

/** What to do: run, or say why not and leave. */
export type CommandLine =
  | { readonly run: Settings }
  | { readonly say: string; readonly exitCode: 0 | 2 };

/** What the options say unless told otherwise; `--data` depends on the system. */
const DEFAULTS = {
  host: "127.0.0.1",
  port: "8080",
  store: "deno-kv",
  prefix: "mqtt",
  node: "broker",
  "lease-ms": "120000",
  "clock-offset-ms": "0",
  "max-queued-messages": "1000",
  "max-queued-bytes": "16777216",
  "max-retained": "100000",
  "session-expiry-max": "4294967295",
  "poll-ms": "1000",
  "stall-ms": "30000",
  "max-packet-bytes": "1114112",
  "max-input-bytes": "16777216",
} as const;

type OptionName = keyof typeof DEFAULTS;

const HELP = `An MQTT 3.1.1 and 5.0 broker over WebSocket whose sessions outlive it.

deno task start [options]

  --host NAME               where to listen (${DEFAULTS.host}: this machine alone)
  --port N                  0 picks a free one (${DEFAULTS.port})
  --store NAME              where sessions live: ${STORES.join(", ")} (${DEFAULTS.store})
  --data FILE               the file of deno-kv (a folder of yours: see the line it prints)
  --prefix TEXT             in front of all keys of upstash, so that others can share the database (${DEFAULTS.prefix})
  --cluster                 a Redis Cluster is behind the REST protocol of upstash
  --node NAME               what other brokers on the same data call this one (${DEFAULTS.node})
  --lease-ms N              how long this broker counts as alive after its last sign of life (${DEFAULTS["lease-ms"]})
  --poll-ms N               how often to look for news from others on the same data (${DEFAULTS["poll-ms"]})
  --max-queued-messages N   for one session (${DEFAULTS["max-queued-messages"]})
  --max-queued-bytes N      for one session (${DEFAULTS["max-queued-bytes"]})
  --max-retained N          retained messages of all topics; 0 for none (${DEFAULTS["max-retained"]})
  --queue-rule "FILTER …"   how messages of these topics wait for one session, once for each rule; the first that
                            matches holds: keep-last, messages=N, bytes=N, drop-newest, priority=0…9, queue-qos0,
                            drop-qos0, upgrade-qos
  --no-shared               no shared subscriptions; with --cluster there are none
  --session-expiry-max N    the longest Session Expiry Interval, in seconds (never ends)
  --max-packet-bytes N      the largest packet that a client may send (${DEFAULTS["max-packet-bytes"]})
  --max-input-bytes N       received bytes of one client that may wait (${DEFAULTS["max-input-bytes"]})
  --stall-ms N              how long a client may leave its socket unread (${DEFAULTS["stall-ms"]})
  --record FILE             add what sessions are given and answer to this file; deno task replay FILE plays it again
  --clock-offset-ms N       added to the clock, for tests (${DEFAULTS["clock-offset-ms"]})
  --help                    this text

upstash is Upstash Redis, or whatever speaks its REST protocol. It takes UPSTASH_REDIS_REST_URL and
UPSTASH_REDIS_REST_TOKEN from the environment; neither is ever printed. --poll-ms is billed there: a poll is a command.
`;

/** Reads the arguments; `defaultData` is asked only where no `--data` is given. */
export function readCommandLine(args: readonly string[], defaultData: () => string): CommandLine {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const names = Object.keys(DEFAULTS);
  try {
    const { values } = parseArgs({
      args: joinNegative(args),
      strict: true,
      allowPositionals: false,
      options: {
        help: flag,
        cluster: flag,
        "no-shared": flag,
        data: text,
        record: text,
        "queue-rule": { type: "string", multiple: true },
        ...Object.fromEntries(names.map((name) => [name, text])),
      },
    });
    const { help = false, cluster = false, "no-shared": isApart = false, "queue-rule": rules = [], ...rest } = values;
    if (help === true) return { say: HELP, exitCode: 0 };
    const given = rest as Readonly<Record<string, string | undefined>>; // Only flags are boolean.
    const value = (name: OptionName) => given[name] ?? DEFAULTS[name];
    const count = (name: OptionName, least: number, most = Number.MAX_SAFE_INTEGER) =>
      wholeNumber(name, value(name), least, most);
    const store = value("store");
    if (!isStoreName(store)) throw new RangeError(`--store is one of ${STORES.join(", ")}, not ${store}`);
    if (cluster === true && store !== "upstash") throw new RangeError(`--cluster is for --store upstash, not ${store}`);
    const maxPacketBytes = count("max-packet-bytes", 16, 268_435_460);
    return {
      run: {
        host: value("host"),
        port: count("port", 0, 65_535),
        store,
        data: given["data"] ?? (store === "deno-kv" ? defaultData() : ""),
        prefix: value("prefix"),
        cluster: cluster === true,
        node: value("node"),
        leaseMs: count("lease-ms", 100),
        clockOffsetMs: count("clock-offset-ms", Number.MIN_SAFE_INTEGER),
        maxQueuedMessages: count("max-queued-messages", 1),
        maxQueuedBytes: count("max-queued-bytes", 1),
        maxRetained: count("max-retained", 0),
        shared: isApart !== true && cluster !== true,
        sessionExpiryMax: count("session-expiry-max", 0, 0xffff_ffff),
        pollMs: count("poll-ms", 1),
        stallMs: count("stall-ms", 1),
        maxPacketBytes,
        // Less, and a packet that is allowed could not come in.
        maxInputBytes: count("max-input-bytes", maxPacketBytes),
        // A text option that may be given several times is a list of texts.
        queueRules: (rules as readonly string[]).map(readQueueRule),
        ...(given["record"] === undefined ? {} : { record: given["record"] }),
      },
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { say: `${reason}\nSee --help.\n`, exitCode: 2 };
  }
}

/** `alarms/# priority=9 messages=100`: a filter and what holds for it. A filter with a space is not for the command line. */
function readQueueRule(text: string): QueueRule {
  const [filter = "", ...words] = text.trim().split(/\s+/);
  return words.reduce<QueueRule>((rule, word) => ({ ...rule, ...ruleWord(word) }), { filter });
}

function ruleWord(word: string): Partial<QueueRule> {
  const [name, value = ""] = word.split("=");
  switch (name) {
    case "keep-last":
      return { keepLast: true };
    case "messages":
      return { maximumMessages: wholeNumber("queue-rule: messages", value, 1, Number.MAX_SAFE_INTEGER) };
    case "bytes":
      return { maximumBytes: wholeNumber("queue-rule: bytes", value, 1, Number.MAX_SAFE_INTEGER) };
    case "priority":
      return { priority: wholeNumber("queue-rule: priority", value, 0, 9) };
    case "drop-newest":
      return { whenFull: "dropNewest" };
    case "queue-qos0":
      return { queueQos0: true };
    case "drop-qos0":
      return { queueQos0: false };
    case "upgrade-qos":
      return { upgradeQoS: true };
    default:
      throw new RangeError(`--queue-rule does not know ${word}`);
  }
}

function isStoreName(name: string): name is StoreName {
  return STORES.some((store) => store === name);
}

/** `parseArgs` takes `-5` for an option of its own; `--name=-5` is clear. */
function joinNegative(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (const argument of args) {
    const last = joined.at(-1);
    if (last?.startsWith("--") && !last.includes("=") && /^-\d/.test(argument)) {
      joined[joined.length - 1] = `${last}=${argument}`;
    } else joined.push(argument);
  }
  return joined;
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^-?\d+$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new RangeError(`--${name} takes a whole number from ${least} to ${most}, not ${text}`);
}
