/** Sessions whole: read as images, and put in place of none. */
import { digestOf } from "../../store/keys.ts";
import {
  checkImage,
  type RestoredMessage,
  type RestoreRequest,
  type RestoreResult,
  type SessionImage,
} from "../../store/maintenance.ts";
import type { StoreCallOptions } from "../../store/call.ts";
import { copyOfMessage, copyOfTerms, copyOfWill } from "./copies.ts";
import { MessageLog } from "./log.ts";
import type { SessionRecord } from "./records.ts";
import { snapshotOf } from "./snapshot.ts";
import type { World } from "./world.ts";

/** Reads a session whole, but for its log and outbox. */
export async function readImage(world: World, clientId: string): Promise<SessionImage | undefined> {
  const record = world.sessions.get(clientId);
  if (record === undefined) return undefined;
  const { epoch, version, owner, principal, log, lastOutboxNumber, dropped, journal } = record;
  const image = {
    snapshot: snapshotOf(record),
    epoch,
    version,
    ...(owner === undefined ? {} : { ownerUntil: world.aliveUntil(owner.nodeId) }),
    tail: log?.tail ?? 0,
    outboxTail: lastOutboxNumber,
    dropped: Object.fromEntries(dropped ?? []),
    journal,
  };
  const digest = record.principalDigest ?? (principal === undefined ? undefined : await digestOf(principal));
  if (digest === undefined) return image;
  const counts = world.counted.get(principal ?? digest)?.has(record) === true;
  return { ...image, principal: digest, ...(counts ? { counts: true } : {}) };
}

/** Puts a session in place of none. Its messages are read before anything of it can be seen. */
export async function restore(
  world: World,
  { image, messages }: RestoreRequest,
  call: StoreCallOptions | undefined,
): Promise<RestoreResult> {
  checkImage(image);
  const { snapshot } = image;
  const { clientId, incarnation } = snapshot;
  for (const filter of snapshot.subscriptions.keys()) {
    if (world.admit(filter)) continue;
    throw new RangeError("Cannot restore a session: a Topic Filter was not admitted");
  }
  const present = world.sessions.get(clientId);
  if (present !== undefined) return { outcome: "exists", incarnation: present.incarnation };
  const log = new MessageLog();
  for await (const page of messages) {
    call?.signal?.throwIfAborted();
    for (const message of page) putBack(log, message, clientId, incarnation);
  }
  log.tail = image.tail;
  const other = world.sessions.get(clientId);
  if (other !== undefined) return { outcome: "exists", incarnation: other.incarnation };
  const record = recordOf(image, log);
  world.sessions.set(clientId, record);
  for (const [filter, subscription] of snapshot.subscriptions) world.putSubscription(record, filter, subscription);
  if (image.counts && image.principal !== undefined) {
    world.count(image.principal, record);
    world.countsRestored = true;
  }
  world.forgetJournal(clientId);
  world.setDue(record);
  return { outcome: "restored" };
}

function putBack(log: MessageLog, message: RestoredMessage, clientId: string, incarnation: string): void {
  const { sequence, subscriptionIdentifiers, qos, retain, claimed, terms, ...rest } = message;
  log.tail = sequence - 1;
  const receiver = {
    clientId,
    incarnation,
    qos,
    retain,
    subscriptionIdentifiers: [...subscriptionIdentifiers],
    ...(claimed === undefined ? {} : { claimed: { ...claimed } }),
  };
  log.append(copyOfMessage({ ...rest, qos, retain }), receiver, terms && copyOfTerms(terms));
}

function recordOf(
  { snapshot, epoch, version, principal, outboxTail, dropped, journal }: SessionImage,
  log: MessageLog,
) {
  const { clientId, incarnation, head, will, outbound, quarantine, inbound } = snapshot;
  const record: SessionRecord = {
    clientId,
    incarnation,
    principal: undefined,
    principalDigest: principal,
    epoch: epoch + 1,
    version: version + 1,
    head: { ...head },
    owner: undefined,
    tokens: [],
    will: will && copyOfWill(will),
    subscriptions: undefined,
    outbound: new Map(Array.from(outbound, ([sequence, mark]) => [sequence, { ...mark }])),
    quarantine: new Set(quarantine),
    inbound: new Set(inbound),
    log,
    dropped: new Map(Object.entries(dropped) as [keyof typeof dropped, number][]), // No other names stand in it.
    lastBatch: undefined,
    journal,
    lastOutboxNumber: outboxTail,
    dueAt: Infinity,
    place: -1,
  };
  return record;
}
