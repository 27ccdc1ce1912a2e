/** What the cases of the log and of its limits share. */
import type { QueueLimits } from "../../store/session_store.ts";
import { bytesOf, type Kit, type Owned, receiver, ROOMY, words } from "./kit.ts";

/** Room for three messages. */
export const LIMIT_3: QueueLimits = { ...ROOMY, maximumMessages: 3 };

/** Delivers one QoS 1 message under limits; what became of it. */
export async function offer(
  kit: Kit,
  session: Owned,
  payload: string,
  limits: QueueLimits,
  qos: 0 | 1 = 1,
): Promise<string> {
  const outcomes = await kit.deliver([receiver(session, { qos })], { payload: bytesOf(payload) }, limits);
  return words(outcomes).join();
}

/** The lost messages of a session, by reason. */
export async function dropped(kit: Kit, session: Owned): Promise<unknown> {
  return (await kit.store.directory.inspect(session.clientId))?.dropped;
}

/** A session of which nothing counts as started. */
export function unstarted(kit: Kit, clientId = "client"): Promise<Owned> {
  return kit.open(clientId, { terms: { sendAhead: 0 } });
}
