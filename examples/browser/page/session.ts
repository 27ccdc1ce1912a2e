/**
 * The page's session: kept in IndexedDB, so that the next page goes on with it.
 *
 * @module
 */
import { type ClientNews, type ReceivedMessage, type SessionClient, sessionClient } from "@edge-mqtt/session/client";
import { indexedDbClientStore } from "@edge-mqtt/session/idb-keyval";
import type { Identity } from "./settings.ts";

/** What is told about a session. */
export interface SessionEvents {
  readonly onMessage: (message: ReceivedMessage) => void;
  readonly observe: (news: ClientNews) => void;
}

/** Takes the session of this identity, from another page too. */
export async function openSession(identity: Identity, events: SessionEvents): Promise<SessionClient> {
  const { clientId, keepAlive, sessionExpiryInterval } = identity;
  const client = sessionClient({
    store: STORE,
    clientId,
    connect: { protocolVersion: 5, cleanStart: false, keepAlive, sessionExpiryInterval },
    whenOwned: "take",
    ...events,
  });
  await client.open();
  return client;
}

/** Of all sessions of this origin. */
const STORE = indexedDbClientStore({ database: "edge-mqtt-session" });
