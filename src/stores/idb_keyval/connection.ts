import { SessionError } from "../../errors.ts";
import { nameOf, unavailable } from "./failure.ts";
import type { Database, DbRequest, IndexedDbPlatform, Mode, ObjectStore, OpenRequest } from "./platform.ts";

/** The object store of the rows: `createStore(database, "keyval")` of idb-keyval opens the same. */
const ROWS = "keyval";

/** A row of its own tells a database from another one of the same name. No key of a row is a number. */
const IDENTITY = 0;

/** How a {@linkcode Connection} is made. */
export interface ConnectionOptions {
  /** The name of the database. */
  readonly database: string;
  /** Where it is found, looked up at each opening. */
  readonly platform: () => IndexedDbPlatform;
  /** How long an opening may take that another page holds up. */
  readonly openWithinMs: number;
  /** A text that nobody has had: a database that is made gets one. */
  readonly newId: () => string;
}

/**
 * A database that is opened when it is needed, and again when it was closed: by the browser, or by itself so that another
 * page can change or delete it. {@linkcode Connection.use} has the form of idb-keyval's `UseStore`.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #running = new Set<Promise<unknown>>();
  #database: Database | undefined;
  #opening: Promise<Database> | undefined;
  #identity: { readonly value: unknown } | undefined;
  #isClosed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Does something with the object store, inside of one transaction. */
  use<Value>(mode: Mode, act: (store: ObjectStore) => Value | PromiseLike<Value>): Promise<Value> {
    return this.during(this.#use(mode, act));
  }

  /** Stays open while something runs. */
  during<Value>(running: Promise<Value>): Promise<Value> {
    this.#running.add(running);
    const ended = (): void => void this.#running.delete(running);
    running.then(ended, ended);
    return running;
  }

  /** Closes it once all that was begun has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#running);
    this.#database?.close();
    this.#database = undefined;
  }

  async #use<Value>(mode: Mode, act: (store: ObjectStore) => Value | PromiseLike<Value>): Promise<Value> {
    for (let isSecond = false;; isSecond = true) {
      if (this.#isClosed) throw new SessionError("CLOSED", "Cannot use the database: the store was closed");
      const database = this.#database ?? await this.#open();
      let store: ObjectStore;
      try {
        store = database.transaction(ROWS, mode, { durability: "strict" }).objectStore(ROWS);
      } catch (cause) {
        this.#forget(database);
        // Some browsers close a database and tell nobody. Nothing was begun, so it is opened again.
        if (nameOf(cause) !== "InvalidStateError" || isSecond) throw unavailable("begin a transaction", cause);
        continue;
      }
      return await act(store);
    }
  }

  #open(): Promise<Database> {
    return this.#opening ??= this.#openAnew().finally(() => this.#opening = undefined);
  }

  async #openAnew(): Promise<Database> {
    let database = await this.#request();
    while (!database.objectStoreNames.contains(ROWS)) {
      // Somebody else made a database of this name, for something else.
      const { version } = database;
      database.close();
      database = await this.#request(version + 1);
    }
    const { value } = await identityOf(database).catch((cause) => {
      database.close();
      throw unavailable("open the database", cause);
    });
    this.#database = database;
    const isAnother = this.#identity !== undefined && this.#identity.value !== value;
    this.#identity = { value };
    if (!isAnother) return database;
    const found = "it was deleted while it was in use, and an empty one has taken its place";
    throw new SessionError("STORE_UNAVAILABLE", `Cannot use the database "${this.#options.database}": ${found}`);
  }

  /** Lets go of a database, so that nobody waits for this page; what runs on it runs to its end. */
  #forget(database: Database): void {
    if (this.#database === database) this.#database = undefined;
    database.close();
  }

  #request(version?: number): Promise<Database> {
    const { database: name, openWithinMs, platform, newId } = this.#options;
    return new Promise((resolve, reject) => {
      let isAbandoned = false;
      const abandon = (error: SessionError): void => {
        isAbandoned = true;
        clearTimeout(timer);
        reject(error);
      };
      const heldUp = (found: string): void =>
        abandon(new SessionError("STORE_UNAVAILABLE", `Cannot open the database "${name}": ${found}`));
      // deno-lint-ignore edge-mqtt/no-ambient -- no clock of a session reaches this far down
      const timer = setTimeout(() => heldUp("another page is changing or deleting it"), openWithinMs);
      let request: OpenRequest;
      try {
        const { indexedDB } = platform();
        if (!indexedDB) return heldUp("there is no IndexedDB here");
        // What `open` gives is said by the specification of IndexedDB.
        request = (version === undefined ? indexedDB.open(name) : indexedDB.open(name, version)) as OpenRequest;
      } catch (cause) {
        return abandon(unavailable(`open the database "${name}"`, cause));
      }
      request.onblocked = () => heldUp("another page keeps it open at an older version");
      request.onupgradeneeded = () => {
        const { result } = request;
        if (!result.objectStoreNames.contains(ROWS)) result.createObjectStore(ROWS).put(newId(), IDENTITY);
      };
      request.onsuccess = () => {
        clearTimeout(timer);
        const { result } = request;
        if (isAbandoned) return result.close();
        result.onclose = result.onversionchange = () => this.#forget(result);
        resolve(result);
      };
      request.onerror = (event) => {
        // Otherwise it is told to the page as an error that nobody took care of.
        event.preventDefault();
        abandon(unavailable(`open the database "${name}"`, request.error));
      };
    });
  }
}

function identityOf(database: Database): Promise<{ readonly value: unknown }> {
  return new Promise((resolve, reject) => {
    const request: DbRequest<unknown> = database.transaction(ROWS, "readonly", { durability: "strict" })
      .objectStore(ROWS).get(IDENTITY);
    request.onsuccess = () => resolve({ value: request.result });
    request.onerror = () => reject(request.error);
  });
}
