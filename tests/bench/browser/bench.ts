/**
 * What sessions of MQTT.js cost in Chromium, beside `idb-keyval` used the same way in the same run.
 *
 * @module
 */
import { launchChromium } from "../../browser/support/chromium.ts";
import { call, type EvaluatingPage, serveSite } from "../../browser/support/site.ts";
import { type BenchRow, benchRow, median } from "../row.ts";
import type { Kind, Mode } from "./program.ts";

const MESSAGES = 1_000;
const ROUNDS = 5;
const STORED = 10_000;
const MODES: readonly Mode[] = ["one by one", "all at once"];
const KINDS: readonly Kind[] = ["ours", "idb-keyval, strict", "idb-keyval", "memory"];

/** Measures, in turns, so that what else the machine does meets all alike. */
export async function benchBrowser(): Promise<readonly BenchRow[]> {
  await using site = await serveSite({ program: "tests/bench/browser/program.ts" });
  await using chromium = await launchChromium();
  const page = await chromium.open(site.url);
  const rows: BenchRow[] = [];
  for (const mode of MODES) rows.push(...await putAndDelete(page, mode));
  rows.push(await ready(page));
  return rows;
}

async function putAndDelete(page: EvaluatingPage, mode: Mode): Promise<readonly BenchRow[]> {
  const took = new Map<Kind, number[]>(KINDS.map((kind) => [kind, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of KINDS) took.get(kind)?.push(await call<number>(page, "putAndDelete", kind, mode, MESSAGES));
  }
  const of = (kind: Kind) => median(took.get(kind) ?? []);
  const name = `${MESSAGES} QoS 1 messages put and deleted, ${mode}`;
  const ours = of("ours");
  return [
    benchRow(
      { name: `${name}, against idb-keyval, as durable`, ours, peer: of("idb-keyval, strict"), unit: "ms" },
      1.5,
    ),
    benchRow({ name: `${name}, against idb-keyval, relaxed`, ours, peer: of("idb-keyval"), unit: "ms" }, Infinity),
    benchRow({ name: `${name}, against MQTT.js in memory`, ours, peer: of("memory"), unit: "ms" }, Infinity),
  ];
}

async function ready(page: EvaluatingPage): Promise<BenchRow> {
  await call(page, "leave", "full", STORED);
  await call(page, "leave", "empty", 0);
  const full: number[] = [];
  const empty: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    full.push(await call<number>(page, "ready", "full"));
    empty.push(await call<number>(page, "ready", "empty"));
  }
  const name = `a page ready with ${STORED} stored messages, against none`;
  return benchRow({ name, ours: median(full), peer: median(empty), unit: "ms" }, Infinity);
}
