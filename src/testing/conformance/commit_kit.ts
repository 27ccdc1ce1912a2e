/** What the cases of commits share. */
import type { SessionChange } from "../../machine/change.ts";
import type { CommitBatch, Guard } from "../../store/session_store.ts";
import { expectEqual } from "./expect.ts";
import { detachedAt, type Kit, message, type Owned, PLAIN, receiver, START, will } from "./kit.ts";

/** Each kind of change, so that none is forgotten. */
export const ONE_OF_EACH: {
  readonly [Type in SessionChange["type"]]: Extract<SessionChange, { readonly type: Type }>;
} = {
  putHead: { type: "putHead", head: { ...detachedAt(START + 5), sentLimit: 3, willDueAt: START + 9 } },
  putSentLimit: { type: "putSentLimit", sentLimit: 77 },
  putWill: { type: "putWill", will: will({ topic: "other" }) },
  deleteWill: { type: "deleteWill" },
  putSubscription: {
    type: "putSubscription",
    filter: "a/+",
    subscription: {
      qos: 2,
      noLocal: true,
      retainAsPublished: true,
      retainHandling: 2,
      subscriptionIdentifier: 268_435_455,
    },
  },
  deleteSubscription: { type: "deleteSubscription", filter: "kept/#" },
  putOutboundMark: {
    type: "putOutboundMark",
    sequence: 2,
    mark: { packetId: 65_535, phase: "released", pubrecOrder: 12 },
  },
  deleteOutboundMark: { type: "deleteOutboundMark", sequence: 1 },
  deleteQueued: { type: "deleteQueued", sequence: 1, bytes: 10 },
  putInboundId: { type: "putInboundId", packetId: 5 },
  deleteInboundId: { type: "deleteInboundId", packetId: 4 },
  putQuarantine: { type: "putQuarantine", packetId: 6 },
  deleteQuarantine: { type: "deleteQuarantine", packetId: 8 },
  endSession: { type: "endSession", reason: "administrative" },
};

/** The same, one after the other. */
export const KINDS: readonly SessionChange[] = Object.values(ONE_OF_EACH);

/** A session with something for each change to change. */
export async function furnished(kit: Kit): Promise<Owned> {
  const opened = await kit.open("client", { terms: { will: will() } });
  await kit.store.admitFilters(["a/+", "kept/#"]);
  // "a/b" and "payload" are the ten bytes of the change above.
  await kit.deliver([receiver(opened)]);
  return await kit.change(opened, [
    { type: "putSubscription", filter: "kept/#", subscription: PLAIN },
    { type: "putOutboundMark", sequence: 1, mark: { packetId: 9, phase: "sent", pubrecOrder: 0 } },
    { type: "putInboundId", packetId: 4 },
    { type: "putQuarantine", packetId: 8 },
  ]);
}

/** Everything that can be seen of a session. */
export async function everything(kit: Kit, session: Owned): Promise<readonly unknown[]> {
  return [
    await kit.store.read(session.clientId),
    await kit.log(session),
    await kit.store.directory.inspect(session.clientId),
    await kit.store.matchSubscriptions(["kept/x", "a/x"]),
    await kit.store.readOutbox(session.incarnation, 10),
  ];
}

/** That no kind of commit with this guard changes anything, of this session or of another. */
export async function changesNothing(kit: Kit, guard: Guard, session: Owned): Promise<void> {
  const other = await kit.open("bystander");
  const before = [await everything(kit, session), await kit.log(other)];
  const attempts: Partial<CommitBatch>[] = [
    ...KINDS.map((change) => ({ changes: [change] })),
    {},
    { changes: KINDS.slice(0, -1) },
    { deliveries: [{ message: message(), receivers: [receiver(other)] }] },
    { deliveries: [{ message: message(), receivers: undefined }] },
    { deliveries: [{ message: message(), receivers: [receiver(other)] }], behindOutbox: true },
    { raiseEpoch: { token: "thief" }, changes: [ONE_OF_EACH.endSession] },
  ];
  for (const attempt of attempts) {
    expectEqual(await kit.commit({ guard, ...attempt }), { outcome: "superseded" }, "the answer");
  }
  const changed = [await everything(kit, session), await kit.log(other)];
  expectEqual(changed, before, "everything after the stale commits");
}
