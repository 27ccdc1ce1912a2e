import { SessionError } from "../../errors.ts";
import { KeyParts } from "../../store/keys.ts";
import { keyValueStore } from "../../store/key_value/mod.ts";
import { OrderedRows, rowsDriver } from "../../store/key_value/ordered_rows.ts";
import type { SessionStore } from "../../store/session_store.ts";
import { decodeImage, encodeImage, type Image } from "./image.ts";
import {
  checkKey,
  isTooOften,
  type KvClock,
  type KvNamespaceLike,
  MAX_VALUE_BYTES,
  MIN_TTL_SECONDS,
  systemClock,
  unavailable,
} from "./platform.ts";
import { copySession, maintenanceOf } from "./session_copy.ts";

/** How an archive is set up. */
export interface CloudflareKvArchiveOptions {
  /** In front of all keys, at most 200 bytes. Default: `mqtt-archive/`. */
  readonly prefix?: string;
  /** How long a write waits that was turned away, in milliseconds. Default: 1 000. */
  readonly writeEveryMs?: number;
  /** How often such a write is repeated. Default: 5. */
  readonly refusedWrites?: number;
  /** Where time comes from. Default: the platform. */
  readonly clock?: KvClock;
}

/** Which copy of a session is meant: that of this moment of this incarnation. */
export interface ArchivedVersion {
  /** The session. */
  readonly incarnation: string;
  /** Raised by every commit of its owner. */
  readonly version: number;
}

/**
 * What became of a session that was to be archived. `attached`: a connection owns it; `absent`: there is none; `ended`: its
 * time is over; `changed`: somebody took it meanwhile. Only `archived` has written anything.
 */
export type ArchiveOutcome =
  | { readonly outcome: "archived"; readonly copy: ArchivedVersion }
  | { readonly outcome: "attached" | "absent" | "ended" | "changed" };

/**
 * What became of a session that was to be restored. `exists`: the client has one, which was left; `absent`: none is
 * archived, as far as can be seen here; `ended`: its time is over. Only `restored` has changed anything.
 */
export interface ArchiveRestoreOutcome {
  /** Which of them. */
  readonly outcome: "restored" | "exists" | "absent" | "ended";
}

/** Copies of detached sessions. */
export interface SessionArchive {
  /**
   * Copies a detached session; it stays in its store. The copy vanishes when the session ends, and after a minute at the
   * earliest.
   *
   * @throws {SessionError} `STORE_UNAVAILABLE` if the key was written too often, `OUTCOME_UNKNOWN` if the write failed
   * otherwise, `LIMIT_EXCEEDED` if the session takes more than 25 MiB, `CAPABILITY_MISSING` if the store offers no
   * maintenance.
   */
  put(store: SessionStore, clientId: string, options: { readonly now: number }): Promise<ArchiveOutcome>;
  /**
   * Puts the copy in place of no session.
   *
   * @throws {SessionError} `STORE_UNAVAILABLE` if it cannot be read, or is older than `atLeast`: Workers KV is behind, ask
   * again in a minute; `RECORD_UNREADABLE` if it is not as it was written; `CAPABILITY_MISSING` as above.
   */
  restore(
    store: SessionStore,
    clientId: string,
    options: { readonly now: number; readonly atLeast?: ArchivedVersion },
  ): Promise<ArchiveRestoreOutcome>;
}

/** The longest prefix in bytes: a part of a key takes 256 at most, and a key 512. */
const MAX_PREFIX_BYTES = 200;

/**
 * An archive of detached sessions in Workers KV, one value each, which vanishes when the session ends.
 *
 * A copy is as of its moment. It is for a store that has lost a session: what came, left or was acknowledged after the copy
 * is not in it, so that a restored session may send again what had arrived, at QoS 2 as well. Who remembers what `put` has
 * answered can say so to `restore`, and is not given anything older.
 *
 * @throws {RangeError} If the prefix is none of Workers KV.
 *
 * @example
 * ```ts ignore
 * import { cloudflareKvArchive } from "@edge-mqtt/session/cloudflare-kv";
 *
 * const archive = cloudflareKvArchive(env.ARCHIVE);
 * await archive.put(store, "meter-7", { now: Date.now() });
 * await archive.restore(anotherStore, "meter-7", { now: Date.now() });
 * ```
 */
export function cloudflareKvArchive(kv: KvNamespaceLike, options: CloudflareKvArchiveOptions = {}): SessionArchive {
  const { prefix = "mqtt-archive/", writeEveryMs = 1_000, refusedWrites = 5 } = options;
  checkKey(`${prefix}k`);
  if (new TextEncoder().encode(prefix).length > MAX_PREFIX_BYTES) {
    throw new RangeError(`Cannot use the prefix of an archive: it must be ${MAX_PREFIX_BYTES} bytes at most`);
  }
  const clock = options.clock ?? systemClock();
  const keyOf = async (clientId: string): Promise<string> => {
    const parts = new KeyParts();
    await parts.prepare([clientId]);
    return prefix + parts.of(clientId);
  };
  const write = async (key: string, bytes: Uint8Array, expirationTtl: number | undefined): Promise<void> => {
    for (let refused = 0;; refused++) {
      try {
        return await kv.put(key, bytes, expirationTtl === undefined ? {} : { expirationTtl });
      } catch (cause) {
        if (!isTooOften(cause)) {
          throw new SessionError("OUTCOME_UNKNOWN", "Cannot archive a session: Workers KV failed", { cause });
        }
        if (refused >= refusedWrites) throw unavailable("archive a session: its key is written too often", cause);
      }
      await clock.wait(writeEveryMs);
    }
  };
  return {
    put: async (store, clientId, { now }) => {
      const maintenance = maintenanceOf(store);
      const image = await maintenance.readImage(clientId);
      if (image === undefined) return { outcome: "absent" };
      const { head, incarnation } = image.snapshot;
      if (head.attached) return { outcome: "attached" };
      const { endsAt } = head;
      if (endsAt !== undefined && endsAt <= now) return { outcome: "ended" };
      const rows = new OrderedRows();
      await copySession(store, image, maintenanceOf(oneSession(rows)), now);
      const after = await maintenance.readImage(clientId);
      const isSame = after?.snapshot.incarnation === incarnation && after.epoch === image.epoch &&
        after.version === image.version;
      if (!isSame) return { outcome: "changed" };
      const { version } = image;
      const bytes = await encodeImage({ version, writer: incarnation, rows });
      const key = await keyOf(clientId);
      if (bytes.length > MAX_VALUE_BYTES) {
        const found = `it takes ${bytes.length} bytes, and a value of Workers KV holds ${MAX_VALUE_BYTES}`;
        throw new SessionError("LIMIT_EXCEEDED", `Cannot archive a session: ${found}`, { key });
      }
      const seconds = endsAt === undefined ? undefined : Math.ceil((endsAt - now) / 1_000);
      await write(key, bytes, seconds === undefined ? undefined : Math.max(MIN_TTL_SECONDS, seconds));
      return { outcome: "archived", copy: { incarnation, version } };
    },
    restore: async (store, clientId, { now, atLeast }) => {
      const maintenance = maintenanceOf(store);
      const key = await keyOf(clientId);
      const found = await look(kv, key);
      if (atLeast !== undefined && !isRecent(found, atLeast)) {
        const message = "Cannot restore a session: what is found is older than what is known: Workers KV is behind";
        throw new SessionError("STORE_UNAVAILABLE", message, { key });
      }
      if (found === undefined) return { outcome: "absent" };
      const archived = oneSession(found.rows);
      const image = await maintenanceOf(archived).readImage(clientId);
      if (image === undefined) return { outcome: "absent" };
      const { endsAt } = image.snapshot.head;
      if (endsAt !== undefined && endsAt <= now) return { outcome: "ended" };
      return { outcome: await copySession(archived, image, maintenance, now) };
    },
  };
}

/** The copy, as this place sees it. */
async function look(kv: KvNamespaceLike, key: string): Promise<Image | undefined> {
  const value = await kv.get(key, { type: "arrayBuffer" }).catch((cause: unknown) => {
    throw unavailable("read an archived session", cause);
  });
  return value === null ? undefined : await decodeImage(key, new Uint8Array(value), new OrderedRows());
}

function isRecent(found: Image | undefined, { incarnation, version }: ArchivedVersion): boolean {
  return found !== undefined && found.writer === incarnation && found.version >= version;
}

/** A store that holds the session of a copy, and nothing else. */
function oneSession(rows: OrderedRows): SessionStore {
  return keyValueStore(rowsDriver(rows), {
    capabilities: { fencing: "strict", durability: "process", consistency: "strong", watch: "none" },
  });
}
