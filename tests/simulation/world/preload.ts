/** A session whose log begins just before its Packet Identifiers start again at 1. */
import type { Plan } from "../plan/plan.ts";
import { START } from "./virtual_time.ts";
import type { World } from "./world.ts";

/** Messages that are appended and acknowledged before the run, so that the 65 535th follows soon. */
const BEFORE = 65_528;
const AT_ONCE = 4_096;

/** How all this looked from outside. */
function tell(world: World, clientId: string): void {
  const { journal } = world;
  const connection = 0;
  const connect = { type: "connect", protocolVersion: 5, clientId, cleanStart: false, keepAlive: 0 } as const;
  const connack = { type: "connack", sessionPresent: false, reasonCode: 0 } as const;
  journal.see({ type: "opened", at: START, client: clientId, connection });
  journal.see({ type: "sent", at: START, connection, packet: { ...connect, sessionExpiryInterval: 600 } });
  journal.see({ type: "received", at: START, connection, packet: connack });
  journal.see({ type: "closed", at: START, connection, by: "server" });
}

/** Prepares the log that the plan asks for; answers what was counted as lost meanwhile, by client. */
export async function preload(
  plan: Plan,
  world: World,
): Promise<ReadonlyMap<string, Readonly<Record<string, number | undefined>>>> {
  const { wraps } = plan.store;
  if (wraps === undefined) return new Map();
  const client = world.clients[wraps];
  if (client === undefined) return new Map();
  const store = world.storage.direct;
  const clientId = client.name;
  const acquired = await store.acquire({
    terms: {
      clientId,
      mustBeNew: false,
      cleanStart: false,
      head: {
        protocolVersion: 5,
        attached: true,
        connectedAt: START,
        sessionExpiryInterval: 600,
        endsAfterMs: 600_000,
        onTakeover: "release",
        sentLimit: 0,
      },
      sendAhead: 0,
      releaseWillOnCleanStart: true,
      resumeAcrossVersions: true,
    },
    token: "before",
    nodeId: "before",
    incarnation: "before",
    whenOwned: "take",
    page: { messages: 1, bytes: 1 },
    now: START,
  });
  if (acquired.outcome !== "acquired") throw new Error("The session before the run was refused");
  let { guard } = acquired;
  const { head } = acquired.snapshot;
  const message = {
    topic: "before",
    payload: new Uint8Array(1),
    qos: 1,
    retain: false,
    properties: {},
    publisher: "",
    publishedAt: START,
  } as const;
  const receiver = { clientId, incarnation: "before", qos: 1, retain: false, subscriptionIdentifiers: [] } as const;
  const limits = { maximumMessages: 100_000, maximumBytes: 1 << 30, whenFull: "dropNewest" } as const;
  for (let from = 1; from <= BEFORE; from += AT_ONCE) {
    const count = Math.min(AT_ONCE, BEFORE - from + 1);
    const deliveries = Array.from({ length: count }, () => ({ message, receivers: [receiver] }));
    await store.commit([{ id: `append ${from}`, changes: [], deliveries, limits, now: START }]);
    const changes = Array.from({ length: count }, (_, index) => ({
      type: "deleteQueued" as const,
      sequence: from + index,
      bytes: 7,
    }));
    const [result] = await store.commit([{ id: `ack ${from}`, guard, changes, deliveries: [], limits, now: START }]);
    if (result?.outcome !== "committed" || result.guard === undefined) throw new Error("The log could not be prepared");
    guard = result.guard;
  }
  const detached = { ...head, attached: false, disconnectedAt: START, endsAt: START + 600_000, sentLimit: BEFORE };
  const changes = [{ type: "putHead" as const, head: detached }];
  await store.commit([{ id: "detach", guard, changes, deliveries: [], limits, now: START }]);
  tell(world, clientId);
  const line = await store.directory.inspect(clientId);
  return new Map([[clientId, line?.dropped ?? {}]]);
}
