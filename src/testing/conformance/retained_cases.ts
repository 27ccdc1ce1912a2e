import { type Message, messageBytes } from "../../mqtt/message.ts";
import { matches } from "../../mqtt/filter.ts";
import type { RetainedPage, RetainedQuery } from "../../store/retained_store.ts";
import { random } from "../random.ts";
import { expect, expectEqual } from "./expect.ts";
import { START } from "./kit.ts";
import { retained, type RetainedCase, text, UNLIMITED } from "./retained_kit.ts";

const CASE = (name: string, run: RetainedCase["run"]): RetainedCase => ({ name, run });

/** What is asked of every retained store. */
export const RETAINED_CASES: readonly RetainedCase[] = [
  CASE("a retained message is read as it was put, every member of it", async (kit) => {
    const properties = {
      payloadFormatIndicator: 1,
      contentType: "text/plain",
      responseTopic: "answers/é",
      correlationData: new Uint8Array([0, 255, 7]),
      userProperties: [["b", "2"], ["a", "1"], ["b", ""]],
    } as const;
    const whole = retained("a/b", "payload \u0000 ü", { qos: 2, properties, expiresAt: START + 5_000 });
    expectEqual(await kit.putAll([{ message: whole }]), ["stored"], "the outcome");
    await kit.reopen();
    expectEqual(await kit.all("a/b"), [whole], "by its filter");
    expectEqual(await kit.all("#"), [whole], "by a wildcard");
    expectEqual(await kit.store.read(["a/b", "a"], { now: START }), [whole, undefined], "by its topic");
  }),
  CASE("the message that was put last for a topic stands, in one call and in several", async (kit) => {
    expectEqual(await kit.putAll([{ message: retained("t", "1") }, { message: retained("t", "2") }]), [
      "stored",
      "stored",
    ], "the outcomes");
    expectEqual(await kit.texts("t"), ["t=2"], "after one call");
    await kit.put("t", "3");
    expectEqual(await kit.texts("t"), ["t=3"], "after another");
    expectEqual(await kit.store.totals(), totalsOf(retained("t", "3")), "the totals");
  }),
  CASE("a message without payload removes what is retained, and is not retained itself", async (kit) => {
    await kit.put("t", "1");
    expectEqual(await kit.put("t", ""), "removed", "the outcome");
    expectEqual(await kit.put("never", ""), "removed", "the outcome where nothing was");
    expectEqual(await kit.texts("#"), [], "what is left");
    expectEqual(await kit.store.totals(), { messages: 0, bytes: 0 }, "the totals");
    await kit.putAll([{ message: retained("t", "2") }, { message: retained("t", "") }]);
    expectEqual(await kit.texts("#"), [], "put and removed in one call");
    await kit.putAll([{ message: retained("t", "") }, { message: retained("t", "3") }]);
    expectEqual(await kit.texts("#"), ["t=3"], "removed and put in one call");
  }),
  CASE(
    "a query without a filter tells what is retained for every topic, reserved ones too, page by page",
    async (kit) => {
      const topics = ["a", "a/b", "$SYS/load", "$", "/", "é/~", "z".repeat(400), "$SYS"];
      await kit.putAll([...topics, "gone"].map((topic) => ({ message: retained(topic, topic.slice(0, 3)) })));
      await kit.put("gone", "");
      await kit.putAll([{ message: retained("brief", "x", { expiresAt: START }) }]);
      for (const messages of [1, 3, 100]) {
        const found: string[] = [];
        for (let after: string | undefined = ""; after !== undefined;) {
          const query: RetainedQuery = { after, messages, bytes: 1_000_000 };
          const [page]: readonly RetainedPage[] = await kit.store.match([query], { now: START });
          found.push(...(page?.entries ?? []).map(({ message }) => message.topic));
          after = page?.after;
        }
        expectEqual(found.sort(), topics.toSorted(), `the topics, ${messages} at a time`);
      }
    },
  ),
  CASE("a filter finds the topics that it matches and no others, with pages of every size", async (kit) => {
    const topics = [
      "a",
      "a/",
      "a/b",
      "a/b/c",
      "a/b/c/d",
      "a-b",
      "a!",
      "a$",
      "a b/c",
      "ab",
      "ab/c",
      "b",
      "b/b",
      "b/c/d",
      "/",
      "/a",
      "//",
      "A/b",
      "é/ü",
      "%/~",
      "$SYS/a",
      "$SYS/a/b",
      "$a",
      "z/b/x",
    ];
    await kit.putAll(topics.map((topic) => ({ message: retained(topic, topic) })));
    const filters = [
      ...topics,
      "#",
      "+",
      "+/+",
      "a/#",
      "a/+",
      "a/+/c",
      "+/b",
      "+/b/#",
      "+/+/c",
      "+/+/+/#",
      "a/b/#",
      "/+",
      "/#",
      "+/",
      "$SYS/#",
      "$SYS/+",
      "+/a",
      "a/b/c/d/#",
      "nothing/#",
      "é/+",
    ];
    for (const filter of filters) {
      const wanted = topics.filter((topic) => matches(filter, topic)).map((topic) => `${topic}=${topic}`).sort();
      expectEqual(await kit.texts(filter), wanted, `the messages of ${filter}`);
      expectEqual(await kit.texts(filter, { messages: 1 }), wanted, `the messages of ${filter}, one by one`);
    }
  }),
  CASE("topics too long for a key are found by every filter, and are kept apart", async (kit) => {
    const long = "x".repeat(300);
    const topics = [
      "s",
      `${long}`,
      `${long}/a`,
      `${long}/b`,
      `${long}y`,
      `a/${long}/1`,
      `a/${long}/2`,
      `a/${"é".repeat(90)}`,
    ];
    await kit.putAll(topics.map((topic, index) => ({ message: retained(topic, String(index)) })));
    for (const filter of [...topics, "#", "+", "+/+", `${long}/#`, `${long}/+`, `a/+/2`, `a/${long}/+`, "a/#", "+/b"]) {
      const wanted = topics.flatMap((topic, index) => matches(filter, topic) ? [String(index)] : []).sort();
      for (const messages of [1, 100]) {
        const found = (await kit.texts(filter, { messages })).map((each) => each.slice(each.indexOf("=") + 1));
        expectEqual([...found].sort(), wanted, `the messages of ${filter.slice(0, 20)} of ${filter.length}`);
      }
    }
  }),
  CASE("random filters find among random topics what they match", async (kit) => {
    const seed = 7;
    const chance = random(seed);
    const level = (): string => chance.pick(["", "a", "b", "ab", "$x", "a.b", "-"]);
    const some = (): string[] => Array.from({ length: chance.pick([1, 2, 3, 4]) }, level);
    const topics = [...new Set(Array.from({ length: 60 }, () => some().join("/")))].filter((topic) => topic !== "");
    await kit.putAll(topics.map((topic) => ({ message: retained(topic, "x") })));
    for (let round = 0; round < 60; round++) {
      const levels = some().map((each) => chance.chance(0.4) ? "+" : each);
      if (chance.chance(0.3)) levels.push("#");
      const filter = levels.join("/");
      if (filter === "") continue;
      const wanted = topics.filter((topic) => matches(filter, topic)).map((topic) => `${topic}=x`).sort();
      expectEqual(await kit.texts(filter, { messages: chance.pick([1, 3, 50]) }), wanted, `${filter} (seed ${seed})`);
    }
  }),
  CASE("a page keeps to its size, goes on behind the last one, and holds a message larger than itself", async (kit) => {
    for (let index = 0; index < 7; index++) await kit.put(`t/${index}`, "x".repeat(100));
    const first = await kit.page("t/#", { messages: 3 });
    expectEqual(first.entries.length, 3, "the entries of a page");
    const second = await kit.page("t/#", { messages: 3, after: first.after ?? "" });
    const names = [...first.entries, ...second.entries].map((entry) => entry.message.topic);
    expectEqual(new Set(names).size, 6, "the topics of two pages");
    const again = await kit.page("t/#", { messages: 3, after: first.entries[0]?.position ?? "" });
    expectEqual(again.entries[0]?.message.topic, first.entries[1]?.message.topic, "behind the first position");
    expectEqual((await kit.page("t/#", { bytes: 250 })).entries.length, 2, "the entries of a page by bytes");
    expectEqual((await kit.page("t/#", { bytes: 1 })).entries.length, 1, "the entries of the smallest page");
    for (const { position } of first.entries) expect(/^[!-~]{1,256}$/.test(position), "a position is not plain");
  }),
  CASE(
    "what is put or removed while a filter is read shows, or does not, and nothing else is missed or doubled",
    async (kit) => {
      for (const name of ["b", "d", "f", "h"]) await kit.put(`t/${name}`, "1");
      const first = await kit.page("t/+", { messages: 2 });
      await kit.put("t/a", "1");
      await kit.put("t/b", "2");
      await kit.put("t/f", "");
      await kit.put("t/i", "1");
      const rest = await kit.page("t/+", { after: first.after ?? "" });
      expectEqual([...first.entries, ...rest.entries].map(({ message }) => text(message)), [
        "t/b=1",
        "t/d=1",
        "t/h=1",
        "t/i=1",
      ], "both pages");
    },
  ),
  CASE("several queries are answered in their order", async (kit) => {
    await kit.put("a", "1");
    await kit.put("b", "2");
    const size = { after: "", messages: 9, bytes: 9_999 };
    const pages = await kit.store.match([{ filter: "b", ...size }, { filter: "none", ...size }, {
      filter: "#",
      ...size,
    }], {
      now: START,
    });
    expectEqual(pages.map(({ entries }) => entries.length), [1, 0, 2], "the sizes of the pages");
  }),
  CASE("what has expired is not told, and goes with a sweep", async (kit) => {
    await kit.put("t/1", "x", { expiresAt: START + 1_000 });
    await kit.put("t/2", "x", { expiresAt: START + 2_000 });
    await kit.put("t/3", "x");
    expectEqual(await kit.texts("t/#", {}, START + 999), ["t/1=x", "t/2=x", "t/3=x"], "before");
    expectEqual(await kit.texts("t/#", {}, START + 1_000), ["t/2=x", "t/3=x"], "at the moment");
    expectEqual(await kit.texts("t/1", {}, START + 1_000), [], "by its own filter");
    expectEqual(await kit.store.read(["t/1"], { now: START + 1_000 }), [undefined], "by its topic");
    expectEqual((await kit.store.totals()).messages, 3, "the total before the sweep");
    expectEqual(await kit.store.sweep({ now: START + 1_500, limit: 10 }), 1, "what a sweep did");
    expectEqual(await kit.store.sweep({ now: START + 1_500, limit: 10 }), 0, "what a second one did");
    expectEqual(await kit.texts("t/#"), ["t/2=x", "t/3=x"], "after the sweep");
    expectEqual(await kit.store.totals(), totalsOf(retained("t/2", "x"), retained("t/3", "x")), "the totals");
  }),
  CASE("a sweep leaves a message alone that has taken the place of an expired one", async (kit) => {
    await kit.put("t", "1", { expiresAt: START + 1_000 });
    await kit.put("t", "2", { expiresAt: START + 9_000 });
    await kit.put("u", "1", { expiresAt: START + 1_000 });
    await kit.put("u", "2");
    await kit.store.sweep({ now: START + 5_000, limit: 10 });
    expectEqual(await kit.texts("#", {}, START + 5_000), ["t=2", "u=2"], "what is left");
    await kit.store.sweep({ now: START + 9_000, limit: 10 });
    expectEqual(await kit.store.totals(), totalsOf(retained("u", "2")), "the totals");
  }),
  CASE("limits are kept: what would exceed them is refused, and what stood still stands", async (kit) => {
    const two = { maximumMessages: 2, maximumBytes: Infinity };
    expectEqual(await kit.put("a", "1", {}, two), "stored", "the first");
    expectEqual(await kit.put("b", "1", {}, two), "stored", "the second");
    expectEqual(await kit.put("c", "1", {}, two), "full", "the third");
    expectEqual(await kit.put("b", "2", {}, two), "stored", "one in the place of another");
    expectEqual(await kit.put("a", "", {}, two), "removed", "a removal");
    const outcomes = await kit.putAll(["c", "d", "e"].map((topic) => ({ message: retained(topic, "1") })), {
      limits: two,
    });
    expectEqual(outcomes.filter((outcome) => outcome === "stored").length, 1, "of three at once");
    const { bytes } = await kit.store.totals();
    const tight = { maximumMessages: Infinity, maximumBytes: bytes + 5 };
    expectEqual(await kit.put("b", "x".repeat(10), {}, tight), "full", "one that grows too much");
    expectEqual(await kit.put("b", "x".repeat(6), {}, tight), "stored", "one that grows");
    expectEqual(await kit.put("b", "y".repeat(6), {}, tight), "stored", "one as large");
    expectEqual((await kit.all("b")).map(text), [`b=${"y".repeat(6)}`], "what stands");
  }),
  CASE("a put that yields to later ones leaves a message alone that was published after it", async (kit) => {
    await kit.put("t", "late", { publishedAt: START + 10 });
    const put = (publishedAt: number) =>
      kit.putAll([{ message: retained("t", String(publishedAt), { publishedAt }), unlessLater: true }]);
    expectEqual(await put(START + 9), ["outdated"], "an earlier one");
    expectEqual(await kit.texts("t"), ["t=late"], "after it");
    expectEqual(await put(START + 10), ["stored"], "one of the same moment");
    const removal = { message: retained("t", "", { publishedAt: START + 5 }), unlessLater: true };
    expectEqual(await kit.putAll([removal]), ["outdated"], "an earlier removal");
    expectEqual(await kit.texts("t"), [`t=${START + 10}`], "after all");
  }),
  CASE("a message of a megabyte is kept whole, replaced, and removed without a trace", async (kit) => {
    const large = new Uint8Array(Math.min(1_048_576, kit.store.capabilities.maxMessageBytes - 16));
    for (let index = 0; index < large.length; index++) large[index] = index * 7 + (index >> 8);
    const first = { ...retained("t/large", ""), payload: large };
    await kit.putAll([{ message: first }]);
    expectEqual(await kit.all("t/#"), [first], "the message");
    const second = { ...first, payload: large.toReversed() };
    await kit.putAll([{ message: second }]);
    expectEqual(await kit.store.read(["t/large"], { now: START }), [second], "the next one");
    await kit.put("t/large", "");
    await kit.store.sweep({ now: START + 7_200_000, limit: 100 });
    expectEqual(await kit.texts("#"), [], "what is left");
    expectEqual(await kit.store.totals(), { messages: 0, bytes: 0 }, "the totals");
  }),
  CASE("a hundred messages go in one call, and all of them are found", async (kit) => {
    const puts = Array.from({ length: 100 }, (_, index) => ({ message: retained(`m/${index}`, "x".repeat(index)) }));
    puts[0] = { message: retained("m/0", "y") };
    const outcomes = await kit.putAll(puts);
    expectEqual(new Set(outcomes), new Set(["stored"]), "the outcomes");
    expectEqual((await kit.all("m/+")).length, 100, "how many are found");
    expectEqual(await kit.store.totals(), totalsOf(...puts.map(({ message }) => message)), "the totals");
  }),
  CASE("writers at the same time do not lose each other's messages, nor count them wrongly", async (kit) => {
    const writers = ["w1", "w2", "w3"];
    await Promise.all(writers.map(async (writer) => {
      for (let number = 1; number <= 6; number++) {
        const puts = [{ message: retained(`own/${writer}/${number}`, "x") }, { message: retained("shared", writer) }];
        await kit.store.put(puts, { limits: UNLIMITED, now: START, order: { writer, number } });
      }
    }));
    const all = await kit.all("#");
    expectEqual(all.length, 19, "how many are found");
    expectEqual(await kit.store.totals(), totalsOf(...all), "the totals");
  }),
  CASE("a call whose signal was aborted changes nothing", async (kit) => {
    const signal = AbortSignal.abort(new Error("too late"));
    const failures = [
      kit.store.put([{ message: retained("t", "1") }], {
        limits: UNLIMITED,
        now: START,
        order: { writer: "w", number: 1 },
        signal,
      }),
      kit.store.match([], { now: START, signal }),
      kit.store.read([], { now: START, signal }),
      kit.store.sweep({ now: START, limit: 1, signal }),
      kit.store.totals({ signal }),
    ];
    for (const result of await Promise.allSettled(failures)) {
      expect(result.status === "rejected" && String(result.reason).includes("too late"), "a call went on");
    }
    expectEqual(await kit.texts("#"), [], "what is retained");
  }),
];

function totalsOf(...messages: readonly Message[]): { readonly messages: number; readonly bytes: number } {
  return { messages: messages.length, bytes: messages.reduce((sum, each) => sum + messageBytes(each), 0) };
}
