/// <reference lib="dom" />
/**
 * The line to the broker: up while it is wanted, tried again when it fails.
 *
 * @module
 */
import type { SessionClient } from "@edge-mqtt/session/client";
import { openWire, type Wire } from "./transport.ts";

/** The pauses between tries, in milliseconds: a node that was restarted is back within a few seconds. */
const PAUSES_MS = [500, 1_000, 2_000, 4_000, 8_000];

/** What the line tells. */
export interface LineEvents {
  /** Something changed; `retryAt` is when the next try comes, if one is planned. */
  readonly changed: (retryAt: number | undefined) => void;
}

/** Keeps a session connected. */
export class Line {
  readonly #url: string;
  readonly #events: LineEvents;
  #session: SessionClient | undefined;
  #wire: Wire | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #isOffline = false;

  constructor(url: string, events: LineEvents) {
    this.#url = url;
    this.#events = events;
  }

  get isOffline(): boolean {
    return this.#isOffline;
  }

  /** Whether a connection is open or being opened. */
  get isUp(): boolean {
    return this.#wire !== undefined;
  }

  /** Connects this session, and again whenever the connection is lost. */
  want(session: SessionClient): void {
    this.#session = session;
    this.#failures = 0;
    this.#open();
  }

  /** Wants no connection any more; the session says goodbye itself. */
  release(): void {
    this.#session = undefined;
    this.#stopWaiting();
    this.#events.changed(undefined);
  }

  /** Loses the connection without a word. */
  cut(): void {
    this.#wire?.cut();
  }

  /** Whether there is a network at all. */
  setOffline(isOffline: boolean): void {
    this.#isOffline = isOffline;
    this.#stopWaiting();
    this.#failures = 0;
    if (isOffline) this.cut();
    else this.#open();
    this.#events.changed(undefined);
  }

  /** Tries at once what waits for its next try. */
  hurry(): void {
    if (this.#timer === undefined) return;
    this.#stopWaiting();
    this.#open();
  }

  #open(): void {
    const session = this.#session;
    if (session === undefined || this.#wire !== undefined || this.#isOffline) return;
    this.#stopWaiting();
    const wire = this.#wire = openWire(this.#url, session);
    wire.closed.then((wasOpen) => {
      this.#wire = undefined;
      this.#failures = wasOpen ? 0 : this.#failures + 1;
      this.#retry();
    });
    this.#events.changed(undefined);
  }

  #retry(): void {
    if (this.#session === undefined || this.#isOffline) return this.#events.changed(undefined);
    const pause = PAUSES_MS[Math.min(this.#failures, PAUSES_MS.length - 1)] ?? 0;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#open();
    }, pause);
    this.#events.changed(Date.now() + pause);
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
