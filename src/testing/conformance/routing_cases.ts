/** Routing: the index may name too much, never too little; for living sessions it is exact. */
import { matches } from "../../mqtt/filter.ts";
import type { Subscription } from "../../mqtt/subscription.ts";
import { random } from "../random.ts";
import { expect, expectEqual } from "./expect.ts";
import { type ConformanceCase, type Kit, type Owned, PLAIN, receiver } from "./kit.ts";

/** Filters that a careless key or path gets wrong. */
export const ODD_FILTERS: readonly string[] = [
  "/",
  "//",
  "/+",
  "+/",
  "+",
  "#",
  "+/#",
  "/#",
  "$SYS/#",
  "$SYS/+/x",
  "a/b",
  "A/b",
  "a/b/",
  "a//b",
  " a / b ",
  "..",
  "../a/./b",
  "%2F",
  "%",
  "a:b",
  "{a}/b",
  "__proto__",
  "constructor/+",
  "*",
  "a*/?",
  "é/e\u0301",
  "😀/\u{10FFFF}",
  "\u0001/\u007f",
  "\ufeff",
  "\ufffd/\uffff",
  "\\/\"'`",
  `${"long".repeat(200)}/+`,
  "x".repeat(4_000),
  Array.from({ length: 128 }, () => "+").join("/"),
  `${"a/".repeat(300)}b`,
];

/** Topics, some of which these filters match. */
const ODD_TOPICS: readonly string[] = [
  ...ODD_FILTERS.filter((filter) => !/[+#]/.test(filter)),
  "$SYS/a/x",
  "$SYS",
  "/a",
  "a/",
  "constructor/name",
  `${"long".repeat(200)}/z`,
  Array.from({ length: 128 }, () => "y").join("/"),
  "nobody/wants/this",
];

async function matchedFilters(kit: Kit, topics: readonly string[]): Promise<readonly (readonly string[])[]> {
  const lists = await kit.store.matchSubscriptions(topics);
  return lists.map((list) => list.map(({ filter }) => filter).sort());
}

/** A filter of few different levels, so that many match. */
function drawFilter(chance: ReturnType<typeof random>): string {
  const levels = Array.from({ length: 1 + chance.below(4) }, () => chance.pick(["a", "b", "", "+", "$c"]));
  if (chance.chance(0.25)) levels.push("#");
  const filter = levels.join("/");
  return filter === "" ? "/" : filter;
}

function drawTopic(chance: ReturnType<typeof random>): string {
  const topic = Array.from({ length: 1 + chance.below(5) }, () => chance.pick(["a", "b", "", "$c"])).join("/");
  return topic === "" ? "/" : topic;
}

/** All of it. */
export const ROUTING_CASES: readonly ConformanceCase[] = [
  {
    name: "a match names the session, the filter as subscribed, and its options",
    run: async (kit) => {
      const options: Subscription = {
        qos: 2,
        noLocal: true,
        retainAsPublished: true,
        retainHandling: 2,
        subscriptionIdentifier: 268_435_455,
      };
      const one = await kit.subscribe(await kit.open("one"), "a/+", options);
      const two = await kit.subscribe(await kit.open("two"), "a/#");
      const lists = await kit.store.matchSubscriptions(["a/b", "a", "nothing", "a/b"]);
      const ofOne = { clientId: "one", incarnation: one.incarnation, filter: "a/+", subscription: options };
      const ofTwo = { clientId: "two", incarnation: two.incarnation, filter: "a/#", subscription: PLAIN };
      const sorted = lists.map((list) => list.toSorted((a, b) => a.clientId < b.clientId ? -1 : 1));
      expectEqual(sorted, [[ofOne, ofTwo], [ofTwo], [], [ofOne, ofTwo]], "matches");
    },
  },
  {
    name: "no topics are no matches",
    run: async (kit) => {
      expectEqual(await kit.store.matchSubscriptions([]), [], "the answer");
    },
  },
  {
    name: "a replaced subscription is named with its new options, a deleted one is not named",
    run: async (kit) => {
      let session = await kit.subscribe(await kit.open("client"), "a/+");
      session = await kit.subscribe(session, "a/+", { ...PLAIN, qos: 2 });
      const [list] = await kit.store.matchSubscriptions(["a/b"]);
      expectEqual(list?.map(({ subscription }) => subscription.qos), [2], "levels");
      await kit.change(session, [{ type: "deleteSubscription", filter: "a/+" }]);
      expectEqual(await kit.store.matchSubscriptions(["a/b"]), [[]], "matches once it is deleted");
    },
  },
  {
    name: "several subscriptions of a session that match are all named",
    run: async (kit) => {
      let session = await kit.open("client");
      for (const filter of ["a/b", "a/+", "#", "a/b/#"]) session = await kit.subscribe(session, filter);
      expectEqual(await matchedFilters(kit, ["a/b"]), [["#", "a/+", "a/b", "a/b/#"]], "filters");
    },
  },
  {
    name: "subscriptions of a session that goes on are named, whoever owns it, or nobody",
    run: async (kit) => {
      await kit.detach(await kit.subscribe(await kit.open("client"), "a/+"));
      expectEqual(await matchedFilters(kit, ["a/b"]), [["a/+"]], "while detached");
      await kit.acquire("client", { nodeId: "node-b" });
      expectEqual(await matchedFilters(kit, ["a/b"]), [["a/+"]], "once it is taken again");
    },
  },
  {
    name: "what the index still names of an ended session takes no message, nor does the next one in its place",
    run: async (kit) => {
      const old = await kit.subscribe(await kit.open("client"), "a/+");
      await kit.acquire("client", { terms: { cleanStart: true } });
      const [list = []] = await kit.store.matchSubscriptions(["a/b"]);
      for (const { incarnation } of list) expectEqual(incarnation, old.incarnation, "an incarnation that is named");
      const outcomes = await kit.deliver([receiver(old)]);
      expectEqual(outcomes.map(({ outcome }) => outcome), ["ended"], "a delivery");
    },
  },
  {
    name: "odd filters match what MQTT says, and nothing else",
    run: async (kit) => {
      let session = await kit.open("client");
      for (const filter of ODD_FILTERS) session = await kit.subscribe(session, filter);
      const found = await matchedFilters(kit, ODD_TOPICS);
      for (const [index, topic] of ODD_TOPICS.entries()) {
        const wanted = ODD_FILTERS.filter((filter) => matches(filter, topic)).sort();
        expectEqual(found[index], wanted, `filters of ${JSON.stringify(topic.slice(0, 40))}`);
      }
      const stored = await kit.store.read("client");
      expectEqual([...stored?.snapshot.subscriptions.keys() ?? []].sort(), [...ODD_FILTERS].sort(), "stored filters");
    },
  },
  {
    name: "drawn filters of several sessions match what MQTT says",
    run: async (kit) => {
      const chance = random(20_260);
      const wanted: { readonly clientId: string; readonly filter: string }[] = [];
      for (const clientId of ["one", "two", "three"]) {
        let session: Owned = await kit.open(clientId);
        const filters = new Set(Array.from({ length: 15 }, () => drawFilter(chance)));
        for (const filter of filters) {
          session = await kit.subscribe(session, filter);
          wanted.push({ clientId, filter });
        }
      }
      const topics = Array.from({ length: 40 }, () => drawTopic(chance));
      const lists = await kit.store.matchSubscriptions(topics);
      for (const [index, topic] of topics.entries()) {
        const found = lists[index]?.map(({ clientId, filter }) => `${clientId} ${filter}`).sort();
        const expected = wanted.filter(({ filter }) => matches(filter, topic));
        expectEqual(
          found,
          expected.map(({ clientId, filter }) => `${clientId} ${filter}`).sort(),
          `matches of ${topic}`,
        );
      }
    },
  },
  {
    name: "a filter that would bring one shape too many is not admitted, those of known shapes still are [D7]",
    run: async (kit) => {
      const filters = Array.from(
        { length: 2_000 },
        (_, index) => Array.from(index.toString(2).padStart(11, "0"), (digit) => digit === "0" ? "a" : "+").join("/"),
      );
      const answers: boolean[] = [];
      for (let start = 0; start < filters.length; start += 100) {
        answers.push(...await kit.store.admitFilters(filters.slice(start, start + 100)));
      }
      const admitted = filters.filter((_, index) => answers[index]);
      expect(admitted.length > 0, "no filter was admitted");
      expect(admitted.length <= 256 + 1, `${admitted.length} shapes were admitted`);
      const again = await kit.store.admitFilters(admitted);
      expectEqual(again.includes(false), false, "whether an admitted one is refused later");
      const same = admitted.map((filter) => filter.replaceAll("a", "other"));
      expectEqual(
        (await kit.store.admitFilters(same)).includes(false),
        false,
        "whether one of a known shape is refused",
      );
      expectEqual(await kit.store.admitFilters(["no/wildcard/at/all"]), [true], "a filter without wildcards");
    },
  },
  {
    name: "a filter with wildcards and too many levels is not admitted",
    run: async (kit) => {
      const deep = Array.from({ length: 129 }, () => "+").join("/");
      expectEqual(await kit.store.admitFilters(["a/+", deep, "a/#"]), [true, false, true], "answers");
      expectEqual(await kit.store.admitFilters([]), [], "no filters");
    },
  },
];
