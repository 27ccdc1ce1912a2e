/// <reference lib="dom" />
/**
 * A state diagram as SVG: the state that holds is marked, and the way by which it was reached.
 *
 * @module
 */
import { rowNames, type Step } from "./lifecycle.ts";

/** Where a state stands, as its middle. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** How a way between two states runs: its path, and where its label stands. */
export interface Way {
  readonly path: string;
  readonly label: Place;
  readonly anchor?: "start" | "middle" | "end";
}

/** What a diagram is drawn from. */
export interface Drawing<State extends string> {
  /** What its parts' ids begin with. */
  readonly id: string;
  readonly name: string;
  readonly size: readonly [width: number, height: number];
  readonly places: Readonly<Record<State, Place>>;
  /** By `from to`. */
  readonly ways: Readonly<Record<string, Way>>;
  readonly steps: readonly Step<State>[];
}

/** A diagram on the page. */
export interface Diagram<State extends string> {
  readonly element: Element;
  /** Marks a state; where it changes, the way to it too. */
  show(state: State): void;
}

const BOX: readonly [width: number, height: number] = [104, 40];

/** Draws it once; what changes later are classes. */
export function diagram<State extends string>(drawing: Drawing<State>): Diagram<State> {
  const { id, name, size, places, ways, steps } = drawing;
  const [width, height] = size;
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "diagram" });
  const title = svg("title", {});
  const tips = { plain: `${id}-tip`, taken: `${id}-tip-taken` };
  root.append(title, arrowHead(tips.plain, "tip"), arrowHead(tips.taken, "tip taken"));
  const drawnWays = new Map<string, { readonly group: Element; readonly line: Element }>();
  for (const [key, { path, label, anchor = "middle" }] of Object.entries(ways)) {
    const taken = steps.filter(({ from, to }) => `${from} ${to}` === key);
    const group = svg("g", { class: "way" });
    const lines = svg("title", {});
    lines.textContent = taken.map(({ row, says }) => `${row} ${says}`).join("\n");
    const text = svg("text", { x: label.x, y: label.y, "text-anchor": anchor });
    text.textContent = rowNames(taken.map(({ row }) => row));
    const line = svg("path", { d: path, "marker-end": `url(#${tips.plain})` });
    group.append(lines, line, text);
    root.append(group);
    drawnWays.set(key, { group, line });
  }
  const boxes = new Map<State, Element>();
  // The keys of a record are its states.
  for (const [state, { x, y }] of Object.entries(places) as [State, Place][]) {
    const group = svg("g", { class: "state", "data-state": state });
    const [w, h] = BOX;
    const text = svg("text", { x, y: y + 5, "text-anchor": "middle" });
    text.textContent = state;
    group.append(svg("rect", { x: x - w / 2, y: y - h / 2, width: w, height: h, rx: h / 2 }), text);
    root.append(group);
    boxes.set(state, group);
  }
  let current: State | undefined;
  return {
    element: root,
    show(state) {
      if (state === current) return;
      const taken = `${current} ${state}`;
      for (const [key, { group, line }] of drawnWays) {
        group.classList.toggle("taken", key === taken);
        line.setAttribute("marker-end", `url(#${key === taken ? tips.taken : tips.plain})`);
      }
      for (const [key, box] of boxes) box.classList.toggle("current", key === state);
      title.textContent = `${name}: ${state}`;
      current = state;
    },
  };
}

function arrowHead(id: string, className: string): Element {
  const marker = svg("marker", {
    id,
    viewBox: "0 0 8 8",
    refX: 7,
    refY: 4,
    markerWidth: 8,
    markerHeight: 8,
    markerUnits: "userSpaceOnUse",
    orient: "auto",
  });
  marker.append(svg("path", { d: "M0 0 8 4 0 8Z", class: className }));
  const defs = svg("defs", {});
  defs.append(marker);
  return defs;
}

function svg(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}
