/**
 * Random traffic of tenants who share a store: by principal, or by a prefix each. Nothing that one does may show at
 * another. The words of a run are data, so that one that fails can be shrunk.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { SessionStore } from "../../../mod.ts";
import { Kit, message, type Owned, receiver, START } from "../../../src/testing/conformance/kit.ts";

/** The clients whose ids all tenants use. */
const CLIENTS = ["a", "b", "a/b"] as const;
const FILTERS = ["t/1", "t/+", "#"] as const;
const TOPICS = ["t/1", "t/2", "a"] as const;

/** What a tenant does. */
type Deed =
  | {
    readonly deed: "connect";
    readonly client: string;
    readonly cleanStart: boolean;
    readonly quota: number | undefined;
  }
  | { readonly deed: "subscribe"; readonly client: string; readonly filter: string }
  | { readonly deed: "publish"; readonly topic: string }
  | { readonly deed: "leave" | "end"; readonly client: string };

/** What a tenant does, and which tenant it is. */
export type Traffic = readonly { readonly tenant: number; readonly act: Deed }[];

const client = fc.constantFrom(...CLIENTS);
const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      deed: fc.constant("connect" as const),
      client,
      cleanStart: fc.boolean(),
      quota: fc.constantFrom(undefined, 1, 2, 3),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ deed: fc.constant("subscribe" as const), client, filter: fc.constantFrom(...FILTERS) }),
  },
  { weight: 3, arbitrary: fc.record({ deed: fc.constant("publish" as const), topic: fc.constantFrom(...TOPICS) }) },
  { weight: 2, arbitrary: fc.record({ deed: fc.constantFrom("leave" as const, "end" as const), client }) },
);

/** Traffic of two tenants, one after the other and by turns. */
export const traffic: fc.Arbitrary<Traffic> = fc.array(
  fc.record({ tenant: fc.constantFrom(0, 1), act: deed }),
  { minLength: 5, maxLength: 25 },
);

/** All that a store shows of its sessions: what they are, what they hold, whom topics reach, and what is due. */
async function view(store: SessionStore): Promise<unknown> {
  return {
    clients: await Promise.all(CLIENTS.map(async (id) => {
      const stored = await store.read(id);
      const log = stored && await store.readQueue(stored.guard, { after: 0, messages: 100, bytes: 1 << 20 });
      return [stored, await store.directory.inspect(id), log];
    })),
    reached: (await store.matchSubscriptions(TOPICS)).map((found) =>
      new Set(found.map((each) => JSON.stringify(each)))
    ),
    due: await store.listDue(START + 3_600_000, { limit: 100, graceMs: 0 }),
    listed: new Set((await store.directory.list({ limit: 100 })).sessions.map(({ clientId }) => clientId)),
    usage: await store.directory.usage?.("p"),
  };
}

/** A tenant at its store: the sessions that it has. */
class Tenant {
  readonly kit: Kit;
  readonly principal: string;
  readonly owned = new Map<string, Owned>();

  constructor(store: SessionStore, principal: string) {
    this.kit = new Kit({ store, close: () => {} });
    this.principal = principal;
  }

  /** Does it, as far as the store lets it; the answer to a CONNECT that was refused. */
  async does(act: Deed, token: string): Promise<string | undefined> {
    const { kit } = this;
    switch (act.deed) {
      case "connect": {
        const answer = await kit.tryAcquire(act.client, {
          principal: this.principal,
          token,
          incarnation: `life-${token}`,
          ...(act.quota === undefined ? {} : { quota: act.quota }),
          terms: { cleanStart: act.cleanStart },
        });
        if (answer.outcome === "refused") return answer.reason;
        const { guard } = answer;
        this.owned.set(act.client, { clientId: act.client, incarnation: guard.incarnation, guard });
        return undefined;
      }
      case "subscribe": {
        const mine = this.owned.get(act.client);
        if (mine !== undefined) this.owned.set(act.client, await kit.subscribe(mine, act.filter));
        return undefined;
      }
      case "publish": {
        // A host that keeps its tenants apart lets a message reach its own alone, as `authorize` of each filter says.
        const [found = []] = await kit.store.matchSubscriptions([act.topic]);
        const own = [...this.owned.values()].filter(({ incarnation }) =>
          found.some((each) => each.incarnation === incarnation)
        );
        if (own.length > 0) await kit.deliver(own.map((session) => receiver(session)), message({ topic: act.topic }));
        return undefined;
      }
      case "leave": {
        const mine = this.owned.get(act.client);
        if (mine !== undefined) this.owned.set(act.client, await kit.detach(mine));
        return undefined;
      }
      case "end": {
        const mine = this.owned.get(act.client);
        this.owned.delete(act.client);
        if (mine === undefined) return undefined;
        await kit.commit({ guard: mine.guard, changes: [{ type: "endSession", reason: "disconnected" }] });
        return undefined;
      }
    }
  }
}

/** Tenants of one store, told apart by principal: a session of one is not to be had by the other, and stays as it is. */
export async function principalsApart(store: SessionStore, run: Traffic): Promise<void> {
  const tenants = [new Tenant(store, "p"), new Tenant(store, "p/")] as const;
  await tenants[0].kit.start();
  for (const [index, { tenant: which, act }] of run.entries()) {
    const tenant = tenants[which] ?? tenants[0];
    const other = tenants[1 - which] ?? tenants[1];
    const isForeign = "client" in act && other.owned.has(act.client);
    const before = isForeign ? await view(store) : undefined;
    const refused = await tenant.does(act, `token-${index}`);
    if (!isForeign) continue;
    if (act.deed === "connect") assert.equal(refused, "principal", "a session of another was given out");
    assert.deepEqual(await view(store), before, "a session of another was changed");
  }
  for (const { owned, principal } of tenants) {
    const counted = (await store.directory.usage?.(principal))?.sessions ?? 0;
    assert.ok(counted <= owned.size, `${principal} has ${owned.size} sessions, and ${counted} of them count`);
  }
}

/** Tenants with a prefix each: what one does shows in no way at the other. */
export async function prefixesApart(stores: readonly [SessionStore, SessionStore], run: Traffic): Promise<void> {
  const tenants = stores.map((store) => new Tenant(store, "p"));
  for (const { kit } of tenants) await kit.start();
  for (const [index, { tenant: which, act }] of run.entries()) {
    const other = stores[1 - which] ?? stores[1];
    const before = await view(other);
    const refused = await tenants[which]?.does(act, `token-${index}`);
    assert.ok(refused === undefined || refused === "quota", `refused: ${refused}`);
    assert.deepEqual(await view(other), before, "what one tenant did shows at the other");
  }
}

/** Prefixes that begin alike. */
export const PREFIXES: readonly (readonly [string, string])[] = [["t", "tt"], ["t", "t.1"], ["t-1", "t-10"], [
  "T",
  "t",
]];
