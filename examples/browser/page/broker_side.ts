/// <reference lib="dom" />
/**
 * The broker's side, asked for again and again while the page is looked at.
 *
 * @module
 */
import { PAGE_HEADER } from "../page_header.ts";
import type { Look } from "../look.ts";

/** How often it is asked for, in milliseconds. */
const EVERY_MS = 1_000;

/** An answer, or why there is none. */
export type Answer =
  | { readonly look: Look }
  | { readonly failure: "away" | "off" | "token" | "refused"; readonly says: string };

/** Asks the server for what its store holds. */
export class BrokerSide {
  readonly #heard: (answer: Answer) => void;
  #clientId = "";
  #token: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #latest = 0;

  constructor(heard: (answer: Answer) => void) {
    this.#heard = heard;
    document.addEventListener("visibilitychange", () => this.ask());
  }

  /** Whose session is looked at. */
  follow(clientId: string): void {
    this.#clientId = clientId;
    this.ask();
  }

  /** Shows what the server asks for. It is kept nowhere but here. */
  use(token: string): void {
    this.#token = token;
    this.ask();
  }

  /** Asks now, and goes on from there. */
  ask(): void {
    this.#send("/look", "GET");
  }

  /** Kills the broker's node, or starts it. */
  node(order: "kill" | "start"): Promise<void> {
    return this.#send(`/node/${order}`, "POST");
  }

  async #send(path: string, method: string): Promise<void> {
    clearTimeout(this.#timer);
    const number = ++this.#latest;
    const answer = await this.#answer(path, method);
    // A later question has a later answer.
    if (number !== this.#latest) return;
    this.#heard(answer);
    if (document.visibilityState === "visible") this.#timer = setTimeout(() => this.ask(), EVERY_MS);
  }

  async #answer(path: string, method: string): Promise<Answer> {
    try {
      const response = await fetch(`${path}?client=${encodeURIComponent(this.#clientId)}`, {
        method,
        headers: {
          [PAGE_HEADER]: "1",
          ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        },
      });
      if (response.ok) return { look: await response.json() };
      const says = (await response.text()).trim();
      const failure = response.status === 401 ? "token" : response.status === 404 ? "off" : "refused";
      return { failure, says };
    } catch {
      return { failure: "away", says: "The server of this page does not answer." };
    }
  }
}
