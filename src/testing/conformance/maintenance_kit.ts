/** Sessions whole, as images that can be restored, and stores that are examined: the hands of their cases. */
import type { Finding, RestoredMessage, SessionImage, StoreMaintenance } from "../../store/maintenance.ts";
import { expect } from "./expect.ts";
import { bytesOf, detachedAt, type Kit, type Owned, receiver, START, will } from "./kit.ts";

export const DAY_MS = 86_400_000;

export function maintenanceOf(kit: Kit): StoreMaintenance {
  const { maintenance } = kit.store;
  expect(maintenance !== undefined, "the store has no maintenance");
  return maintenance;
}

/** So large that a message is divided where that can be, and never too large. */
export function largeFor(kit: Kit): number {
  return Math.min(70_000, kit.store.capabilities.maxMessageBytes - 100);
}

/** A session in the middle of everything, that nobody owns. */
export async function busySession(kit: Kit, clientId: string, principal?: string): Promise<Owned> {
  const terms = { will: will({ willDelayInterval: 60 }), sendAhead: 0 };
  let session = await kit.open(clientId, { terms, ...(principal === undefined ? {} : { principal }) });
  session = await kit.subscribe(session, "a/+");
  session = await kit.subscribe(session, `b/${"long/".repeat(80)}#`, {
    qos: 2,
    noLocal: true,
    retainAsPublished: true,
    retainHandling: 2,
    subscriptionIdentifier: 268_435_455,
  });
  await kit.fill(session, ["started", "released", "zero"], { qos: 1, subscriptionIdentifiers: [1, 2] });
  await kit.deliver([receiver(session, { qos: 0 })], { payload: bytesOf("waits") });
  await kit.deliver([receiver(session, { qos: 2, retain: true })], {
    payload: new Uint8Array(largeFor(kit)),
    expiresAt: START + DAY_MS,
    properties: { contentType: "é", correlationData: bytesOf("c"), userProperties: [["b", "1"], ["a", "2"]] },
  });
  session = await kit.change(session, [
    { type: "putOutboundMark", sequence: 1, mark: { packetId: 65_535, phase: "sent", pubrecOrder: 0 } },
    { type: "putOutboundMark", sequence: 2, mark: { packetId: 7, phase: "released", pubrecOrder: 3 } },
    { type: "deleteQueued", sequence: 2, bytes: 11 },
    { type: "deleteQueued", sequence: 3, bytes: 7, dropped: "expired" },
    { type: "putInboundId", packetId: 9 },
    { type: "putInboundId", packetId: 65_535 },
    { type: "putQuarantine", packetId: 11 },
  ]);
  const head = { ...detachedAt(START), sentLimit: 3, disconnectReason: 0x8b, willDueAt: START + 60_000 };
  return await kit.change(session, [{ type: "putHead", head }]);
}

/** All that is to be the same after a restore; epoch and version are told apart. */
export async function allOf(kit: Kit, clientId: string): Promise<unknown> {
  const stored = await kit.store.read(clientId);
  expect(stored !== undefined, "there is no session");
  const { snapshot, guard } = stored;
  const log = await kit.log({ clientId, incarnation: guard.incarnation, guard });
  const line = await kit.store.directory.inspect(clientId);
  const journal = await kit.store.directory.journal(clientId);
  const matches = await kit.store.matchSubscriptions(["a/b", `b/${"long/".repeat(80)}x`]);
  return { snapshot, log, line, journal, matches };
}

/** The log of an image, page by page. */
export async function* pagesOf(
  messages: readonly RestoredMessage[],
  size = 2,
): AsyncGenerator<readonly RestoredMessage[]> {
  for (let start = 0; start < messages.length; start += size) {
    await undefined;
    yield messages.slice(start, start + size);
  }
}

/** The image of a session and its log. */
export async function imageOf(kit: Kit, session: Owned): Promise<readonly [SessionImage, readonly RestoredMessage[]]> {
  const image = await maintenanceOf(kit).readImage(session.clientId);
  expect(image !== undefined, "there is no image");
  return [image, await kit.log(session)];
}

export async function endAndSweep(kit: Kit, session: Owned): Promise<void> {
  await kit.change(session, [{ type: "endSession", reason: "administrative" }]);
  await sweepAll(kit, START + 10 * DAY_MS);
}

export async function sweepAll(kit: Kit, now: number): Promise<void> {
  for (let rounds = 0; rounds < 50; rounds++) {
    const due = await kit.store.listDue(now, { limit: 100, graceMs: 1e12 });
    const sweeps = due.flatMap((work) => work.type === "sweep" ? [work.work] : []);
    if (sweeps.length === 0) return;
    for (const work of sweeps) await kit.store.sweep(work);
  }
  throw new Error("there is no end to sweeping");
}

/** Examines the whole store. */
export async function examine(kit: Kit, repair: boolean, limit = 3): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  for (let cursor: string | undefined, pages = 0; pages < 1_000; pages++) {
    const page = await maintenanceOf(kit).examine({
      limit,
      repair,
      now: START + 1,
      ...(cursor === undefined ? {} : { cursor }),
    });
    found.push(...page.findings);
    ({ cursor } = page);
    if (cursor === undefined) return found;
  }
  throw new Error("there is no end to examining");
}
