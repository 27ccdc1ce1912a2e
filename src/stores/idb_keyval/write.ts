import type { Check, Mutation } from "../../store/key_value/driver.ts";
import { nameOf, notCommitted, unavailable } from "./failure.ts";
import type { ObjectStore } from "./platform.ts";
import { rowOf, versionOf } from "./row.ts";

/** What is to be written, if the checks hold. */
export interface Write {
  readonly version: string;
  readonly checks: readonly Check[];
  readonly mutations: readonly Mutation[];
}

/** The object store of a transaction, and the versions that were read in it. */
export interface Reading {
  readonly store: ObjectStore;
  readonly versions: ReadonlyMap<string, string | null>;
}

/**
 * Writes all or nothing, and ends the transaction: whether the checks held. `undecided` if nothing was done: the transaction
 * may have come to its end before, and what was read in it be old.
 */
export function write(
  { store, versions }: Reading,
  { version, checks, mutations }: Write,
): Promise<boolean | "undecided"> {
  return new Promise((resolve, reject) => {
    const { transaction } = store;
    const open = checks.filter(({ key }) => !versions.has(key));
    let unread = open.length;
    let holds = true;
    let fault: unknown;
    const breakOff = (cause: unknown): void => {
      fault = unavailable("commit", cause);
      transaction.abort();
    };
    const readAndWrite = (): void => {
      for (const { key, version } of open) {
        // Of what must not be there only the key is looked at.
        const request = version === null ? store.getKey(key) : store.get(key);
        request.onsuccess = () => {
          if (!holds) return;
          const found = version === null && request.result !== undefined ? undefined : versionOf(request.result);
          unread--;
          holds = found === version;
          if (!holds) transaction.abort();
          else if (unread === 0) transaction.commit?.();
        };
      }
      // Checks mostly hold: what is written does not wait for them, and is undone where one does not.
      for (const mutation of mutations) {
        if (mutation.type === "set") store.put(rowOf(version, mutation.value), mutation.key);
        else store.delete(mutation.key);
      }
      if (unread === 0) transaction.commit?.();
    };
    if (checks.some(({ key, version }) => versions.has(key) && versions.get(key) !== version)) {
      return resolve("undecided");
    }
    try {
      readAndWrite();
    } catch (cause) {
      // Only the first request can find the transaction at its end.
      if (isInactive(cause)) return resolve("undecided");
      breakOff(cause);
    }
    transaction.oncomplete = () => resolve(holds);
    transaction.onabort = () => holds ? reject(notCommitted(fault ?? transaction.error)) : resolve(false);
  });
}

function isInactive(error: unknown): boolean {
  return ["TransactionInactiveError", "InvalidStateError"].includes(nameOf(error));
}
