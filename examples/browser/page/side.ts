/// <reference lib="dom" />
/**
 * One side of a session: its state, its log with the window in it, its identifiers, its deadlines.
 *
 * @module
 */
import type { LogEntry } from "../look.ts";
import { type Deadline, remaining } from "./countdown.ts";
import { type Diagram, diagram, type Drawing } from "./diagram.ts";
import { element, foreign, say } from "./text.ts";

/** What is drawn of a side. */
export interface SideLook<State extends string> {
  readonly state: State;
  /** One line about it. */
  readonly says: string;
  readonly log: readonly LogEntry[];
  /** How many messages there are, where the log is only the beginning. */
  readonly total: number;
  readonly inboundIds: readonly number[];
  readonly deadlines: readonly Deadline[];
}

/** The texts of a side. */
export interface SideWords {
  readonly log: string;
  readonly empty: string;
  readonly inbound: string;
}

/** One side on the page. */
export interface Side<State extends string> {
  show(look: SideLook<State>): void;
  /** Counts the deadlines down. */
  tick(now: number): void;
}

/** How many messages are seen without scrolling, at least. */
const FITTING = 4;

const PHASES: Readonly<Record<LogEntry["phase"], string>> = { waiting: "waiting", sent: "sent", released: "released" };

/** Draws a side into its section. */
export function side<State extends string>(
  section: HTMLElement,
  drawing: Drawing<State>,
  words: SideWords,
): Side<State> {
  const drawn: Diagram<State> = diagram(drawing);
  const says = element("p", { class: "says" });
  const count = element("small");
  const log = element("ol", { class: "log", label: words.log });
  const none = element("p", { class: "none" }, words.empty);
  const inbound = element("ul", { class: "chips ids" });
  const deadlines = element("dl", { class: "deadlines" });
  section.append(
    element("figure", {}, drawn.element, element("figcaption", {}, says)),
    ...legend(drawing),
    element("h3", {}, `${words.log} `, count),
    none,
    log,
    element("h3", {}, words.inbound),
    inbound,
    element("h3", {}, "Deadlines"),
    deadlines,
  );
  let shown = "";
  let known: ReadonlySet<number> = new Set();
  let current: readonly Deadline[] = [];
  let times: readonly HTMLElement[] = [];
  return {
    show(look) {
      drawn.show(look.state);
      say(says, look.says);
      const signature = JSON.stringify([look.log, look.total, look.inboundIds, look.deadlines]);
      if (signature === shown) return;
      shown = signature;
      say(count, look.total === 0 ? "" : String(look.total));
      none.hidden = look.log.length > 0;
      const entries = look.log.map((line) => entry(line, !known.has(line.sequence)));
      known = new Set(look.log.map(({ sequence }) => sequence));
      // A list that scrolls has to be reached by keyboard; one that does not is no stop on the way.
      log.tabIndex = look.log.length > FITTING ? 0 : -1;
      log.replaceChildren(...entries, ...rest(look.total - look.log.length));
      inbound.replaceChildren(
        ...(look.inboundIds.length === 0
          ? [element("li", { class: "none" }, "none")]
          : look.inboundIds.map((id) => element("li", {}, String(id)))),
      );
      const expiries = look.log.flatMap(({ expiresAt, sequence, phase }) =>
        expiresAt === undefined || phase !== "waiting" ? [] : [{ name: `Message ${sequence} expires`, at: expiresAt }]
      );
      current = [...look.deadlines, ...expiries];
      times = current.map(() => element("dd"));
      if (current.length === 0) return deadlines.replaceChildren(element("dd", { class: "none" }, "none"));
      deadlines.replaceChildren(
        ...current.map(({ name }, index) => element("div", {}, element("dt", {}, name), times[index] ?? "")),
      );
      this.tick(Date.now());
    },
    tick(now) {
      for (const [index, deadline] of current.entries()) {
        const where = times[index];
        if (where !== undefined) say(where, remaining(deadline, now));
      }
    },
  };
}

function entry({ sequence, packetId, qos, topic, payload, phase }: LogEntry, isNew: boolean): HTMLElement {
  const about = [`#${sequence}`, `QoS ${qos}`, ...(packetId === undefined ? [] : [`id ${packetId}`])].join(" · ");
  const words: (Node | string)[] = [];
  if (topic !== undefined) words.push(foreign(topic, "foreign topic"));
  if (payload !== undefined) words.push(foreign(payload, "foreign payload"));
  if (words.length === 0) words.push(element("span", { class: "none" }, "handed over; only its identifier is kept"));
  return element(
    "li",
    { data: { phase }, ...(isNew ? { class: "new" } : {}) },
    element("span", { class: "phase" }, PHASES[phase]),
    element("span", { class: "what" }, ...words),
    element("span", { class: "about" }, about),
  );
}

/** What the names of the rows stand for. */
function legend<State extends string>({ steps }: Drawing<State>): readonly HTMLElement[] {
  // A row that two states share is told once, by what it says first.
  const rows = new Map(steps.map(({ row, says }) => [row, says] as const).reverse());
  const sorted = [...rows].sort(([a], [b]) => Number(a.slice(1)) - Number(b.slice(1)));
  const lines = sorted.map(([row, says]) => element("div", {}, element("dt", {}, row), element("dd", {}, says)));
  return [
    element("details", {}, element("summary", {}, "What the rows mean"), element("dl", { class: "rows" }, ...lines)),
  ];
}

function rest(more: number): readonly HTMLElement[] {
  return more > 0 ? [element("li", { class: "more" }, `and ${more} more`)] : [];
}
