import { SessionError } from "../../errors.ts";
import type { RestoredMessage, SessionImage, StoreMaintenance } from "../../store/maintenance.ts";
import type { PageLimit, SessionStore } from "../../store/session_store.ts";

const PAGE: PageLimit = { messages: 100, bytes: 1_048_576 };

/** The maintenance of a store. Throws `CAPABILITY_MISSING` where it offers none. */
export function maintenanceOf({ maintenance }: Pick<SessionStore, "maintenance">): StoreMaintenance {
  if (maintenance !== undefined) return maintenance;
  throw new SessionError("CAPABILITY_MISSING", "Cannot archive sessions: the store offers no maintenance");
}

/**
 * Puts a session, as its image tells it, into another store; what came into its log after the image stays behind.
 *
 * @throws {SessionError} `RECORD_UNREADABLE` if a message of its log cannot be read.
 */
export async function copySession(
  from: Pick<SessionStore, "readQueue">,
  image: SessionImage,
  to: StoreMaintenance,
  now: number,
): Promise<"restored" | "exists"> {
  const { outcome } = await to.restore({ image, messages: logOf(from, image), now });
  return outcome;
}

async function* logOf(
  store: Pick<SessionStore, "readQueue">,
  { snapshot, epoch, version, tail }: SessionImage,
): AsyncGenerator<readonly RestoredMessage[], void, void> {
  const { clientId, incarnation } = snapshot;
  for (let after = 0; after < tail;) {
    const page = await store.readQueue({ clientId, incarnation, epoch, version }, { after, ...PAGE });
    if (page.unreadable > 0) {
      throw new SessionError("RECORD_UNREADABLE", "Cannot copy a session: a message of its log cannot be read");
    }
    yield page.messages.filter(({ sequence }) => sequence <= tail).map((message) => {
      const terms = page.terms?.get(message.sequence);
      return terms === undefined ? message : { ...message, terms };
    });
    if (page.through >= page.tail || page.through <= after) return;
    after = page.through;
  }
}
