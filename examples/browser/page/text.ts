/// <reference lib="dom" />
/**
 * Elements and texts. Whatever comes from elsewhere gets onto the page as text, and in no other way.
 *
 * @module
 */

/** What an element is made with. */
export interface Attributes {
  readonly class?: string;
  readonly id?: string;
  readonly title?: string;
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly label?: string;
}

/** An element with texts and elements in it. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...content: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  const { data = {}, label, class: className, ...rest } = attributes;
  if (className !== undefined) made.className = className;
  for (const [key, value] of Object.entries(rest)) made.setAttribute(key, value);
  for (const [key, value] of Object.entries(data)) made.dataset[key] = value;
  if (label !== undefined) made.setAttribute("aria-label", label);
  made.append(...content);
  return made;
}

/** A text of somebody else: it runs in its own direction, and what cannot be seen is shown. */
export function foreign(text: string, className = "foreign"): HTMLElement {
  return element("bdi", { class: className }, visible(text));
}

/** Control and invisible formatting characters, as their code points; a long text is cut. */
export function visible(text: string, longest = 200): string {
  const shown = [...text.slice(0, longest * 2)].slice(0, longest).join("").replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `⟨${(character.codePointAt(0) ?? 0).toString(16)}⟩`,
  );
  return shown.length < text.length && text.length > longest ? `${shown}…` : shown;
}

/** The element with this id, which the page has. */
export function byId<Type extends HTMLElement>(id: string, type: { new (): Type }): Type {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`Cannot find #${id}: the page has no such ${type.name}`);
}

/** Sets a text where it differs: a live region speaks of changes alone. */
export function say(where: HTMLElement, text: string): void {
  if (where.textContent !== text) where.textContent = text;
}
