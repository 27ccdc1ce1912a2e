/**
 * What a month costs, from the numbers that the tests check.
 *
 * @module
 */
import { DENO_KV_TRIPS, REDIS_COSTS, type RedisStep, UPSTASH_USD_PER_100_000 } from "../support/redis/costs.ts";

/** What happens. */
export interface Load {
  /** PUBLISH packets that arrive. */
  readonly messages: number;
  /** Sessions that connect. */
  readonly sessions: number;
  /** QoS of messages and subscriptions. Default: 1. */
  readonly qos?: 1 | 2;
  /** Sessions that each message goes to. Default: 1. */
  readonly receivers?: number;
  /** Messages that share a commit, and so do their acknowledgements: those that come while a commit is under way. Default: 1. */
  readonly together?: number;
  /** How often each session connects and leaves. Default: 1. */
  readonly connects?: number;
  /** For how many days nodes are up with sessions connected. Default: 0. */
  readonly idleDays?: number;
  /** How many nodes there are; receivers spread over them evenly. Default: 1. */
  readonly nodes?: number;
  /** `doorbellPollMs` of the nodes; 0 never. Default: 1000, the broker's own. */
  readonly pollMs?: number;
}

/** A line of a bill. */
export interface CostLine {
  readonly what: string;
  readonly trips: number;
  /** Commands that are billed; 0 where a store bills none. */
  readonly commands: number;
}

/** What it comes to. */
export interface Cost {
  readonly lines: readonly CostLine[];
  readonly trips: number;
  readonly commands: number;
  /** `undefined` where the store has no price of its own. */
  readonly usd: number | undefined;
}

/** Stores that can be calculated. */
export const COSTED_STORES = ["upstash", "deno-kv"] as const;

/** A store that can be calculated. */
export type CostedStore = typeof COSTED_STORES[number];

const MINUTES_A_DAY = 1_440;
const DEFAULT_POLL_MS = 1_000;
/** How often a node renews its lease, and asks what is due, in a minute: the defaults. */
const RENEWALS_A_MINUTE = 2;
const DUE_A_MINUTE = 1;

/** Reckons what a load asks of a store. */
export function costOf(store: CostedStore, load: Load): Cost {
  const lines = store === "upstash" ? upstashLines(load) : denoKvLines(load);
  const commands = sum(lines, "commands");
  const usd = store === "upstash" ? usdOf(commands) : undefined;
  return { lines, trips: sum(lines, "trips"), commands, usd };
}

/** The price of so many commands with Upstash, in US dollars. */
export function usdOf(commands: number): number {
  return commands * UPSTASH_USD_PER_100_000 / 100_000;
}

function upstashLines(load: Load): readonly CostLine[] {
  const { sessions, qos = 1, receivers = 1, connects = 1, idleDays = 0, nodes = 1, pollMs = DEFAULT_POLL_MS } = load;
  const { publishes, elsewhere, minutes, polls } = countsOf(load);
  // What 99 further receivers add to the first.
  const receiver = (REDIS_COSTS.publishToHundred.commands - REDIS_COSTS.publish.commands) / 99;
  const first = REDIS_COSTS[qos === 1 ? "publish" : "publishQos2"];
  const ring = REDIS_COSTS.publishElsewhere.commands - REDIS_COSTS.publishHere.commands;
  const perPublish = first.commands + (receivers - 1) * receiver;
  const answered: readonly RedisStep[] = qos === 1 ? ["acknowledge"] : ["received", "completed"];
  return [
    { what: "PUBLISH until its ack", trips: publishes * first.requests, commands: publishes * perPublish },
    ...(qos === 1 ? [] : [line("PUBREL until PUBCOMP", publishes, ["release"])]),
    line("delivery, acknowledged", publishes * receivers, answered),
    ...(nodes === 1 ? [] : [
      line("telling another node", elsewhere, ["hear"]),
      { what: "ringing its doorbell", trips: 0, commands: elsewhere * ring },
    ]),
    line("CONNECT, first", Math.min(1, connects) * sessions, ["connectNew", "subscribe"]),
    line("CONNECT, resumed", Math.max(0, connects - 1) * sessions, ["connectResume"]),
    line("DISCONNECT", connects * sessions, ["disconnect"]),
    ...(idleDays === 0 ? [] : [
      line("leases of nodes", minutes * RENEWALS_A_MINUTE, ["renew"]),
      line("looks at what is due", minutes * DUE_A_MINUTE, ["due"]),
      line(`looks at doorbells, each ${pollMs} ms`, polls, ["doorbell"]),
    ]),
  ];
}

function denoKvLines(load: Load): readonly CostLine[] {
  const { sessions, qos = 1, receivers = 1, connects = 1, idleDays = 0 } = load;
  const { publishes, minutes, polls } = countsOf(load);
  const trips = (what: string, count: number): CostLine => ({ what, trips: count, commands: 0 });
  const { publish, publishQos2, release, acknowledgeHundred, completed } = DENO_KV_TRIPS;
  return [
    trips("PUBLISH until its ack", publishes * (qos === 1 ? publish : publishQos2)),
    ...(qos === 1 ? [] : [trips("PUBREL until PUBCOMP", publishes * release)]),
    trips("delivery, acknowledged", publishes * receivers * (acknowledgeHundred + (qos === 1 ? 0 : completed))),
    trips(
      "CONNECT, first",
      Math.min(1, connects) * sessions * (DENO_KV_TRIPS.connectNew + DENO_KV_TRIPS.subscribe),
    ),
    trips("CONNECT, resumed", Math.max(0, connects - 1) * sessions * DENO_KV_TRIPS.connectResume),
    trips("DISCONNECT", connects * sessions * DENO_KV_TRIPS.disconnect),
    ...(idleDays === 0 ? [] : [
      trips("leases of nodes, looks at what is due", minutes * DENO_KV_TRIPS.nodeMinute),
      trips("looks at doorbells", polls),
    ]),
  ];
}

function countsOf(load: Load) {
  const { messages, receivers = 1, together = 1, idleDays = 0, nodes = 1, pollMs = DEFAULT_POLL_MS } = load;
  const publishes = Math.ceil(messages / together);
  const minutes = nodes * idleDays * MINUTES_A_DAY;
  return {
    publishes,
    elsewhere: publishes * receivers * (nodes - 1) / nodes,
    minutes,
    polls: pollMs === 0 ? 0 : minutes * 60_000 / pollMs,
  };
}

function line(what: string, count: number, steps: readonly RedisStep[]): CostLine {
  const costs = steps.map((step) => REDIS_COSTS[step]);
  return {
    what,
    trips: count * costs.reduce((total, { requests }) => total + requests, 0),
    commands: count * costs.reduce((total, { commands }) => total + commands, 0),
  };
}

function sum(lines: readonly CostLine[], name: "trips" | "commands"): number {
  return lines.reduce((total, each) => total + each[name], 0);
}
