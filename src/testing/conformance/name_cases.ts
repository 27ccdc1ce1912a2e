/** Names: whatever MQTT allows as one is a name of its own. */
import { SessionError } from "../../errors.ts";
import { expect, expectEqual } from "./expect.ts";
import { type ConformanceCase, type Owned, START, will } from "./kit.ts";

/** Client Identifiers that a careless key, path or object gets wrong. */
const ODD_CLIENT_IDS: readonly string[] = [
  "a",
  "A",
  "a ",
  "a/b",
  "a:b",
  "a|b",
  "{a}",
  "{",
  "a\u0001b",
  "a\u007fb",
  "a\0b",
  "__proto__",
  "constructor",
  "..",
  "%2F",
  "*",
  "?[a]",
  "\\",
  "'\"`",
  "é",
  "e\u0301",
  "😀",
  "\u{10FFFF}",
  "\ufeffa",
  "\uffff",
  "ÿ",
  "0",
  "-1",
  "NaN",
  "x".repeat(255),
  "x".repeat(256),
  "x".repeat(257),
  "x".repeat(1_999) + "y",
  "x".repeat(1_999) + "z",
  "é".repeat(999),
];

/** The result, or `undefined` if the store says that it is too large. */
async function unlessTooLarge<Result>(promise: Promise<Result>): Promise<Result | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof SessionError && error.code === "LIMIT_EXCEEDED") return undefined;
    throw error;
  }
}

/** All of it. */
export const NAME_CASES: readonly ConformanceCase[] = [
  {
    name: "odd Client Identifiers are clients of their own, each with what is theirs",
    run: async (kit) => {
      const sessions: Owned[] = [];
      for (const [index, clientId] of ODD_CLIENT_IDS.entries()) {
        const opened = await kit.open(clientId, { terms: { will: will({ topic: `will/${index}` }) } });
        const session = await kit.subscribe(opened, `of/${index}`);
        sessions.push(await kit.change(session, [{ type: "putInboundId", packetId: index + 1 }]));
      }
      for (const [index, session] of sessions.entries()) {
        await kit.fill(session, [`for ${index}`]);
      }
      for (const [index, session] of sessions.entries()) {
        const what = `client ${JSON.stringify(session.clientId.slice(0, 20))} of ${session.clientId.length}`;
        const read = await kit.store.read(session.clientId);
        expectEqual(read?.snapshot.clientId === session.clientId, true, `the id of ${what}`);
        expectEqual(read?.snapshot.incarnation, session.incarnation, `the incarnation of ${what}`);
        expectEqual(read?.snapshot.will?.topic, `will/${index}`, `the Will of ${what}`);
        expectEqual([...read?.snapshot.inbound ?? []], [index + 1], `the inbound ids of ${what}`);
        expectEqual(await kit.logTexts(session), [`1:for ${index}`], `the log of ${what}`);
        const [list] = await kit.store.matchSubscriptions([`of/${index}`]);
        expectEqual(list?.map(({ clientId }) => clientId), [session.clientId], `the match of ${what}`);
      }
      expectEqual((await kit.store.readRings("node-a")).toSorted(), ODD_CLIENT_IDS.toSorted(), "rings");
      const listed: string[] = [];
      for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
        const page = await kit.store.directory.list({ limit: 7, ...(cursor === undefined ? {} : { cursor }) });
        expect(page.sessions.length <= 7, "a page holds more than was asked for");
        listed.push(...page.sessions.map(({ clientId }) => clientId));
        cursor = page.cursor;
      }
      expectEqual(listed.toSorted(), ODD_CLIENT_IDS.toSorted(), "what the directory lists");
    },
  },
  {
    name: "a Client Identifier or filter as long as MQTT allows is kept, or refused as too large without a trace",
    run: async (kit) => {
      const { store } = kit;
      for (const last of ["y", "z"]) {
        const clientId = "x".repeat(65_534) + last;
        const session = await unlessTooLarge(kit.open(clientId));
        const stored = (await store.read(clientId))?.snapshot.clientId;
        expect(stored === (session && clientId), `the client of ${last} is stored wrongly`);
        if (session !== undefined) await kit.fill(session, [last]);
        if (session !== undefined) expectEqual(await kit.logTexts(session), [`1:${last}`], `the log of ${last}`);
      }
      const opened = await kit.open("client");
      for (const last of ["y", "z"]) {
        const filter = "x".repeat(65_534) + last;
        const fresh = await kit.acquire("client");
        const [admitted] = await store.admitFilters([filter]);
        const subscribing = () => kit.subscribe({ ...opened, guard: fresh.guard }, filter);
        const session = admitted ? await unlessTooLarge(subscribing()) : undefined;
        const [list] = await store.matchSubscriptions([filter]);
        expect(list?.length === (session === undefined ? 0 : 1), `the filter of ${last} is found wrongly`);
        const has = (await store.read("client"))?.snapshot.subscriptions.has(filter);
        expect(has === (session !== undefined), `the filter of ${last} is stored wrongly`);
      }
    },
  },
  {
    name: "odd node ids are nodes of their own",
    run: async (kit) => {
      const nodes = ["n", "n/", "n/n", "N", "é", "{n}", "n\0", "__proto__", "n".repeat(300)];
      for (const [index, nodeId] of nodes.entries()) {
        await kit.store.renewNode(nodeId, START + 1_000 + index);
        await kit.open(`client-${index}`, { nodeId });
      }
      const due = await kit.store.listDue(START + 2_000, { limit: 100, graceMs: 0 });
      const found = due.flatMap((work) => work.type === "node" ? [[work.nodeId, work.dueAt, work.clientIds]] : []);
      expectEqual(found, nodes.map((nodeId, index) => [nodeId, START + 1_000 + index, [`client-${index}`]]), "nodes");
    },
  },
];
