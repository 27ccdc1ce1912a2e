/// <reference lib="dom" />
/**
 * What was received and what happened, the latest first.
 *
 * @module
 */
import { element } from "./text.ts";

/** How many lines are kept. */
const KEPT = 100;

/** A list that grows at its top. */
export interface Told {
  add(...content: readonly (Node | string)[]): void;
}

/** Tells into a list. */
export function told(list: HTMLElement): Told {
  return {
    add(...content) {
      const time = element("time", {}, new Date().toLocaleTimeString("en-GB"));
      list.prepend(element("li", {}, time, element("span", { class: "what" }, ...content)));
      while (list.childElementCount > KEPT) list.lastElementChild?.remove();
    },
  };
}
