/** Stores full of sessions in the middle of everything, and what is compared of them. */
import { canonical } from "../../../src/testing/conformance/expect.ts";
import assert from "node:assert/strict";
import { exportSessions, type ImportEvent, importSessions } from "../../../src/admin/mod.ts";
import type { SessionStore } from "../../../src/store/session_store.ts";
import {
  bytesOf,
  detachedAt,
  Kit,
  LEASE_END,
  message,
  PLAIN,
  receiver,
  START,
  will,
} from "../../../src/testing/conformance/kit.ts";

/** The clock of exports and imports: the leases of the suite have not run out. */
export const ENVIRONMENT = { now: () => START + 1_000, randomId: () => crypto.randomUUID() };

/** Fills a store: sessions in exchange, attached and detached, with Wills, queues, drops, and what they owe. */
export async function fill(store: SessionStore): Promise<Kit> {
  const kit = new Kit({ store, close: () => {} });
  await kit.start();
  for (const [index, clientId] of ["one", "zwei é/;", "long ".repeat(60), "owned"].entries()) {
    const terms = { sendAhead: 0, ...(index === 0 ? {} : { will: will({ willDelayInterval: 60 }) }) };
    let session = await kit.open(clientId, { terms, ...(index === 1 ? { principal: "tenant" } : {}) });
    session = await kit.subscribe(session, "a/+", { ...PLAIN, qos: 2, subscriptionIdentifier: 5 });
    session = await kit.subscribe(session, `own/${index}/#`, { ...PLAIN, retainedAfter: `own/${index}` });
    await kit.fill(session, ["sent", "released", "dropped", ...Array.from({ length: 20 }, (_, each) => `${each}`)]);
    await kit.deliver([receiver(session, { qos: 2, retain: true, subscriptionIdentifiers: [1, 2] })], {
      payload: new Uint8Array(100_000).fill(index),
      expiresAt: START + 1e9,
      properties: { userProperties: [["b", "1"], ["a", "2"]], correlationData: bytesOf("c"), contentType: "é" },
    });
    await kit.deliver([receiver(session, { qos: 0 })]);
    session = await kit.change(session, [
      { type: "putOutboundMark", sequence: 1, mark: { packetId: 65_535, phase: "sent", pubrecOrder: 0 } },
      { type: "putOutboundMark", sequence: 2, mark: { packetId: 7, phase: "released", pubrecOrder: 3 } },
      { type: "deleteQueued", sequence: 2, bytes: 11 },
      { type: "deleteQueued", sequence: 3, bytes: 10, dropped: "expired" },
      { type: "putInboundId", packetId: 9 },
      { type: "putQuarantine", packetId: 11 },
      { type: "putSentLimit", sentLimit: 5 },
    ]);
    const head = { ...detachedAt(START), sentLimit: 5, disconnectReason: 4, willDueAt: START + 60_000 };
    if (index < 3) await kit.change(session, [{ type: "putHead", head }]);
    else {
      const one = (await store.read("one"))?.guard.incarnation ?? "";
      const receivers = [receiver({ ...session, clientId: "one", incarnation: one })];
      const deliveries = [{ message: message({ topic: "owed" }), receivers: undefined }, {
        message: message({ topic: "owed to one" }),
        receivers,
      }];
      await kit.change(session, [], { deliveries, behindOutbox: true });
    }
  }
  return kit;
}

/** What of a store is the same after a move: all but epochs, versions and what is owed. */
export async function contents(store: SessionStore): Promise<unknown> {
  const found: unknown[] = [];
  for await (const text of exportSessions(store, { environment: ENVIRONMENT })) {
    const line = JSON.parse(text);
    delete line.sum;
    if (line.type === "session") {
      delete line.image.epoch;
      delete line.image.version;
      delete line.readAt;
      delete line.image.ownerUntil;
    }
    if (line.type !== "owed" && line.type !== "page" && line.type !== "end") found.push(line);
  }
  // Stores list in orders of their own.
  const sessions: unknown[][] = [];
  for (const line of found as { type: string }[]) {
    if (line.type === "session") sessions.push([]);
    sessions.at(-1)?.push(line);
  }
  return sessions.map((lines) => canonical(lines).replace(/[A-Za-z0-9+/]{200,}/g, ({ length }) => `${length}`)).sort();
}

/** Moves all that a store holds to another. */
export async function move(from: SessionStore, to: SessionStore): Promise<readonly ImportEvent[]> {
  const events: ImportEvent[] = [];
  const lines = exportSessions(from, { environment: ENVIRONMENT });
  for await (const event of importSessions(to, lines, { environment: ENVIRONMENT })) events.push(event);
  assert.equal(events.at(-1)?.type, "end");
  return events;
}

export { LEASE_END };
