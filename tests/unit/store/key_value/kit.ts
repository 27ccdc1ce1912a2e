import assert from "node:assert/strict";
import type { Message } from "../../../../src/mqtt/message.ts";
import type {
  Acquired,
  AcquireRequest,
  CommitBatch,
  DeliveryReceiver,
  SessionStore,
} from "../../../../src/store/session_store.ts";
import type { KeyValueDriver } from "../../../../src/store/key_value/driver.ts";
import { keyValueStore } from "../../../../src/store/key_value/mod.ts";

export const NOW = 1_700_000_000_000;

/** A store on a driver, with ids that are the same in every run. */
export function storeOn(driver: KeyValueDriver): SessionStore {
  let ids = 0;
  return keyValueStore(driver, {
    capabilities: { fencing: "strict", durability: "process", consistency: "strong", watch: "none" },
    newId: () => `part-${++ids}`,
  });
}

export function request(clientId: string, token: string, changes: Partial<AcquireRequest> = {}): AcquireRequest {
  return {
    terms: {
      clientId,
      mustBeNew: false,
      cleanStart: false,
      head: {
        protocolVersion: 5,
        attached: true,
        connectedAt: NOW,
        sessionExpiryInterval: 3_600,
        endsAfterMs: 3_600_000,
        onTakeover: "discard",
        sentLimit: 0,
      },
      sendAhead: 256,
      releaseWillOnCleanStart: true,
      resumeAcrossVersions: true,
    },
    token,
    nodeId: "node",
    incarnation: `${clientId.slice(0, 20)}-${token}`,
    whenOwned: "take",
    page: { messages: 128, bytes: 1_048_576 },
    now: NOW,
    ...changes,
  };
}

export async function acquired(store: SessionStore, wanted: AcquireRequest): Promise<Acquired> {
  const answer = await store.acquire(wanted);
  assert.equal(answer.outcome, "acquired");
  return answer as Acquired;
}

export function message(payload: Uint8Array | number = 4): Message {
  return {
    topic: "a/b",
    payload: typeof payload === "number" ? new Uint8Array(payload) : payload,
    qos: 1,
    retain: false,
    properties: {},
    publisher: "publisher",
    publishedAt: NOW,
  };
}

export function to(
  session: { readonly snapshot: { readonly clientId: string; readonly incarnation: string } },
): DeliveryReceiver {
  const { clientId, incarnation } = session.snapshot;
  return { clientId, incarnation, qos: 1, retain: false, subscriptionIdentifiers: [] };
}

export function batch(id: string, parts: Partial<CommitBatch>): CommitBatch {
  return {
    id,
    changes: [],
    deliveries: [],
    limits: { maximumMessages: 10_000, maximumBytes: 1e9, whenFull: "dropOldest" },
    now: NOW,
    ...parts,
  };
}
