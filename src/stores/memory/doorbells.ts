import { deferred } from "../../store/deferred.ts";

/** Who has news, by node, and who waits to hear of it. */
export class Doorbells {
  readonly #rung = new Map<string, Set<string>>();
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Says that a client of a node has news. */
  ring(nodeId: string, clientId: string): void {
    let clients = this.#rung.get(nodeId);
    if (clients === undefined) this.#rung.set(nodeId, clients = new Set());
    clients.add(clientId);
    for (const wake of this.#waiting.get(nodeId) ?? []) wake();
  }

  /** The clients of a node with news; they are cleared. */
  read(nodeId: string): string[] {
    const clients = [...this.#rung.get(nodeId) ?? []];
    this.#rung.delete(nodeId);
    return clients;
  }

  /** Takes the doorbell of a node away that is no more. */
  silence(nodeId: string): void {
    this.#rung.delete(nodeId);
  }

  /** Yields while there is news; ends when the signal aborts. */
  async *watch(nodeId: string, signal: AbortSignal): AsyncGenerator<void, void> {
    while (!signal.aborted) {
      if (this.#rung.has(nodeId)) yield;
      else await this.#nextRing(nodeId, signal);
    }
  }

  async #nextRing(nodeId: string, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = deferred<void>();
    const wake = (): void => resolve();
    let waiting = this.#waiting.get(nodeId);
    if (waiting === undefined) this.#waiting.set(nodeId, waiting = new Set());
    waiting.add(wake);
    signal.addEventListener("abort", wake, { once: true });
    await promise;
    signal.removeEventListener("abort", wake);
    waiting.delete(wake);
    if (waiting.size === 0 && this.#waiting.get(nodeId) === waiting) this.#waiting.delete(nodeId);
  }
}
