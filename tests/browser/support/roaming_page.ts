/// <reference lib="dom" />
/**
 * What is the same for pages of either client: an application that writes down what it handles, with the key that the
 * library gives, before it says that it has.
 *
 * @module
 */

/** What was handled, as the application wrote it down. */
export interface Handled {
  readonly topic: string;
  /** The payload as a text, or the digest of a long one. */
  readonly content: string;
}

/** A message that is handed over. */
export interface HandedOver {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly key?: string | undefined;
}

/** A page's session, of whatever client. */
export interface PageSession {
  /** Publishes; whether it is known to be stored. */
  publish(topic: string, payload: string | Uint8Array, qos: 1 | 2): Promise<boolean>;
  /** What of it is not over yet, for people. */
  owed(): Promise<string>;
  /** Cuts the connection, if there is one, and ends the session of this page. */
  close(): Promise<void>;
}

/** How a page is started. */
export interface PageSettings {
  readonly url: string;
  readonly clientId: string;
  /** The server cannot have the session: it subscribes, and waits until it has. */
  readonly isNew: boolean;
  /** How long the store is asked again, in milliseconds. */
  readonly repeatForMs?: number;
}

/** A page has one application; the session is set when it is started. */
const page: { session?: PageSession; database?: Promise<IDBDatabase>; isOnline: boolean } = { isOnline: false };
/** Topics that were handled, by this page or one before. */
const seen = new Set<string>();
/** What was told, in order; nothing of it is expected but where a test asks for it. */
const news: { readonly type: string; readonly text: string }[] = [];
const changed = new Set<() => void>();
/** A page that ends breaks its transactions off, and may say so. */
let isEnding = false;
addEventListener("pagehide", () => isEnding = true);

/** Longer payloads are written down as their digests. */
const LONG = 1_000;

/** Begins with this session. */
export async function begin(open: () => Promise<PageSession>): Promise<void> {
  page.session = await open();
  // Only now: a tab before this one may have handled messages until this one had taken the session.
  for (const { topic } of await handled()) seen.add(topic);
  moved();
}

/** Writes down what is handed over, once for each key; ends when that is kept. */
export async function handle({ topic, payload, key }: HandedOver): Promise<void> {
  const content = payload.length > LONG ? await digestOf(payload) : new TextDecoder().decode(payload);
  // It has to outlive the page, not the machine.
  const transaction = (await database()).transaction(["handled", "keys"], "readwrite", { durability: "relaxed" });
  const written = ended(transaction);
  const write = () => transaction.objectStore("handled").add({ topic, content });
  if (key === undefined) write();
  else {
    const known = transaction.objectStore("keys").getKey(key);
    known.onsuccess = () => {
      if (known.result !== undefined) return;
      transaction.objectStore("keys").put(topic, key);
      write();
    };
  }
  await written;
  seen.add(topic);
  moved();
}

/** All that was handled, in order. */
export async function handled(): Promise<readonly Handled[]> {
  const transaction = (await database()).transaction("handled", "readonly");
  const all = transaction.objectStore("handled").getAll();
  await ended(transaction);
  return all.result;
}

/** How many different topics have been handled. */
export function handledCount(): number {
  return seen.size;
}

/** Ends once so many different topics have been handled. */
export async function untilHandled(topics: number): Promise<void> {
  await until(() => seen.size >= topics);
}

/** The connection has come or gone. */
export function setOnline(isOnline: boolean): void {
  page.isOnline = isOnline;
  moved();
}

/** Ends once the page knows whether it is connected. */
export async function untilOnline(isOnline: boolean): Promise<void> {
  await until(() => page.isOnline === isOnline);
}

/** Something that goes wrong is told. */
export function tell(type: string, error?: unknown): void {
  if (isEnding) return;
  news.push({ type, text: error instanceof Error ? `${type}: ${error.message}` : `${type}: ${JSON.stringify(error)}` });
  moved();
}

/** All that was told of this page. */
export function told(): readonly string[] {
  return news.map(({ text }) => text);
}

/** Ends once something of one of these types was told; what it was. */
export async function untilTold(...types: readonly string[]): Promise<string> {
  const find = () => news.find(({ type }) => types.includes(type));
  await until(() => find() !== undefined);
  return find()?.text ?? "";
}

/** Publishes numbered messages, one of each level for each number; the topics of which it is known that they are stored. */
export async function publish(from: number, count: number, levels: readonly (1 | 2)[]): Promise<readonly string[]> {
  const stored: string[] = [];
  const publishing: Promise<void>[] = [];
  for (let number = from; number < from + count; number++) {
    for (const qos of levels) {
      const topic = `to/peer/qos${qos}/${number}`;
      publishing.push(
        session().publish(topic, `payload of ${topic}`, qos).then((isStored) => {
          if (isStored) stored.push(topic);
        }),
      );
    }
  }
  await Promise.all(publishing);
  return stored;
}

/** Publishes bytes that do not compress; the digest, or nothing where it is not known to be stored. */
export async function publishLarge(topic: string, bytes: number, qos: 1 | 2): Promise<string | null> {
  const payload = new Uint8Array(bytes);
  for (let start = 0; start < bytes; start += 65_536) crypto.getRandomValues(payload.subarray(start, start + 65_536));
  const digest = await digestOf(payload);
  return await session().publish(topic, payload, qos) ? digest : null;
}

/** What of the session is not over yet, for people. */
export async function owed(): Promise<string> {
  return `${page.isOnline ? "online" : "offline"}, ${await session().owed()}`;
}

/** Lets go of the session. */
export async function close(): Promise<void> {
  await session().close();
}

function session(): PageSession {
  if (page.session === undefined) throw new Error("nothing is open");
  return page.session;
}

function moved(): void {
  for (const look of changed) look();
}

function until(holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!holds()) return;
      changed.delete(look);
      resolve();
    };
    changed.add(look);
    look();
  });
}

/** The application's own database, beside that of the session; it stays open, since opening takes Firefox 0.1 s. */
function database(): Promise<IDBDatabase> {
  return page.database ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("application");
    request.onupgradeneeded = () => {
      request.result.createObjectStore("handled", { autoIncrement: true });
      request.result.createObjectStore("keys");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function ended(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

async function digestOf(payload: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", payload.slice());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
