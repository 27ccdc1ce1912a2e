/** Web Locks of one origin, of which one name is asked for: a page that is gone lets go of what it holds. */
import type { LockManagerLike } from "../../../src/runtime/sole_owner.ts";

interface Holder {
  readonly owner: object;
  readonly lose: (error: Error) => void;
}

/** The locks, or none: then each page is told that it is alone. */
export class PageLocks {
  readonly #areThere: boolean;
  #holder: Holder | undefined;

  constructor(areThere: boolean) {
    this.#areThere = areThere;
  }

  /** The locks as one page sees them. It takes them as `take` does. */
  behind(owner: object): LockManagerLike {
    return {
      request: (_name, _options, callback) => {
        if (!this.#areThere) return Promise.resolve(callback({}));
        const before = this.#holder;
        return new Promise((resolve, reject) => {
          const holder: Holder = { owner, lose: reject };
          this.#holder = holder;
          before?.lose(new DOMException("The lock was stolen", "AbortError"));
          Promise.resolve(callback({})).then((value) => {
            if (this.#holder === holder) this.#holder = undefined;
            resolve(value);
          });
        });
      },
    };
  }

  gone(owner: object): void {
    if (this.#holder?.owner === owner) this.#holder = undefined;
  }
}
