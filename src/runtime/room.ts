const RESOLVED: Promise<void> = Promise.resolve();

/** A promise that there is room: given out while there is none, kept once there is. */
export class Room {
  #awaited: { readonly promise: Promise<void>; readonly keep: () => void } | undefined;

  /** Settled if there is room now, or else when {@linkcode Room.open} is called. */
  wait(isFull: boolean): Promise<void> {
    if (!isFull) return RESOLVED;
    if (this.#awaited === undefined) {
      let keep = () => {};
      const promise = new Promise<void>((resolve) => keep = resolve);
      this.#awaited = { promise, keep };
    }
    return this.#awaited.promise;
  }

  /** Whether somebody waits. */
  get awaited(): boolean {
    return this.#awaited !== undefined;
  }

  /** There is room. */
  open(): void {
    this.#awaited?.keep();
    this.#awaited = undefined;
  }
}
