/** Work that is due: what stops it, what fails, and what is told of it. */
import assert from "node:assert/strict";
import { SessionError, type SessionStore } from "../../../mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { rest, subscribePacket, world } from "./support.ts";

/** The memory store with some calls of its own. */
function storeWith(own: (inner: SessionStore) => Partial<SessionStore>): SessionStore {
  const inner = memoryStore();
  return { ...inner, ...own(inner) };
}

async function away(here: ReturnType<typeof world>, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const client = await here.connect(name, { sessionExpiryInterval: 1 });
    await client.send(subscribePacket(1, "t"));
    client.connection.closed();
    await rest();
  }
}

Deno.test("a run of due work ends between two pieces when its signal aborts, and the next one does the rest", async () => {
  const stop = new AbortController();
  let reads = 0;
  const here = world(
    {},
    storeWith((inner) => ({
      read: (clientId, options) => {
        if (++reads === 1) stop.abort();
        return inner.read(clientId, options);
      },
    })),
  );
  await away(here, "a", "b", "c");
  here.clock.advance(2_000);
  reads = 0;
  await here.broker.runDue({ signal: stop.signal }).catch((error: unknown) => assert.equal(error, stop.signal.reason));
  assert.equal((await here.broker.list()).sessions.length, 2);
  await here.broker.runDue();
  assert.equal((await here.broker.list()).sessions.length, 0);
});

Deno.test("work that fails is told of with its kind, and stops no other", async () => {
  const broken = new SessionError("RECORD_UNREADABLE", "Cannot read record a: it is truncated", { key: "a" });
  const here = world(
    {},
    storeWith((inner) => ({
      read: (clientId, options) => clientId === "a" ? Promise.reject(broken) : inner.read(clientId, options),
    })),
  );
  await away(here, "a", "b");
  here.clock.advance(2_000);
  await here.broker.runDue();
  assert.deepEqual((await here.broker.list()).sessions.map(({ clientId }) => clientId), ["a"]);
  const told = here.of("workFailed").flatMap((event) => event.type === "workFailed" ? [[event.work, event.error]] : []);
  // In each round that got anywhere, since it is still due.
  assert.ok(told.length > 0);
  for (const each of told) assert.deepEqual(each, ["session", broken]);
});

Deno.test("what is due cannot be listed for an unreadable row, which is told, and then it can", async () => {
  let spoiled = 1;
  const broken = new SessionError("RECORD_FROM_FUTURE", "Cannot read record due: it is of a later release");
  const here = world(
    {},
    storeWith((inner) => ({
      listDue: (now, options) => spoiled-- > 0 ? Promise.reject(broken) : inner.listDue(now, options),
    })),
  );
  await away(here, "a");
  here.clock.advance(2_000);
  await here.broker.runDue();
  assert.equal(await here.broker.inspect("a"), undefined);
  assert.equal(here.of("workFailed").length, 1);
});

Deno.test("a session that others keep changing cannot be ended, and the caller is told that nothing happened", async () => {
  const here = world(
    {},
    storeWith((inner) => ({
      commit: (batches, options) =>
        batches.some(({ raiseEpoch }) => raiseEpoch !== undefined)
          ? Promise.resolve(batches.map(() => ({ outcome: "superseded" } as const)))
          : inner.commit(batches, options),
    })),
  );
  await away(here, "a");
  await assert.rejects(
    here.broker.end("a"),
    (error) => error instanceof SessionError && error.code === "STORE_UNAVAILABLE",
  );
  assert.notEqual(await here.broker.inspect("a"), undefined);
});

Deno.test("what may be admitted cannot be asked of the store: the connection is closed, and it is told", async () => {
  const broken = new SessionError("RECORD_UNREADABLE", "Cannot read record shapes: a shape is none");
  const here = world({}, storeWith(() => ({ admitFilters: () => Promise.reject(broken) })));
  const client = await here.connect("c");
  await client.send(subscribePacket(1, "a/+"));
  assert.equal(client.types(), "connack disconnect");
  assert.equal(client.closed, true);
  assert.equal(here.of("workFailed").length, 1);
});

Deno.test("a topic whose subscriptions cannot be read fails alone when it is looked up with others", async () => {
  const broken = new SessionError("RECORD_UNREADABLE", "Cannot read record route: it is truncated");
  const here = world(
    {},
    storeWith((inner) => ({
      matchSubscriptions: (topics, options) =>
        topics.includes("bad") ? Promise.reject(broken) : inner.matchSubscriptions(topics, options),
    })),
  );
  const payload = new Uint8Array([1]);
  const [good, bad] = await Promise.allSettled([
    here.broker.publish({ topic: "good", payload, qos: 1 }),
    here.broker.publish({ topic: "bad", payload, qos: 1 }),
  ]);
  assert.deepEqual(good, { status: "fulfilled", value: { receivers: 0, accepted: true } });
  assert.deepEqual(bad, { status: "rejected", reason: broken });
});
