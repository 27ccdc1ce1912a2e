import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { generate, type Packet, parser } from "mqtt-packet";
import { Crashes } from "./crashes.ts";
import { rowsOf } from "./rows.ts";
import { run } from "./run.ts";
import type { Fields, Scenario } from "./scenario.ts";
import { ack, connect, KILL, message, next, publish, quiet, scenario, send, subscribe } from "./words.ts";

/** What a broker that is made up answers to a packet. */
type Answers = (packet: Packet, version: number) => readonly Fields[];

/** A broker of a few lines, over TCP. */
function broker(answers: Answers): { readonly url: string } & AsyncDisposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const serve = async (connection: Deno.Conn): Promise<void> => {
    open.add(connection);
    const incoming = parser();
    let version = 4;
    const written: Promise<unknown>[] = [];
    incoming.on("packet", (packet) => {
      if (packet.cmd === "connect") version = packet.protocolVersion ?? 4;
      for (const answer of packet.cmd === "pingreq" ? [{ cmd: "pingresp" }] : answers(packet, version)) {
        written.push(connection.write(generate(answer as unknown as Packet, { protocolVersion: version })));
      }
    });
    const buffer = new Uint8Array(4_096);
    for (let count; (count = await connection.read(buffer).catch(() => null)) !== null;) {
      incoming.parse(Buffer.from(buffer.slice(0, count)));
      await Promise.all(written.splice(0));
    }
    open.delete(connection);
    connection.close();
  };
  const served = (async () => {
    const all: Promise<void>[] = [];
    for await (const connection of listener) all.push(serve(connection));
    await Promise.all(all);
  })();
  return {
    url: `mqtt://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await served;
    },
  };
}

function accept(sessionPresent: boolean, properties: Fields = {}): Answers {
  return ({ cmd }, version) => {
    if (cmd !== "connect") return [];
    return [{ cmd: "connack", sessionPresent, ...(version === 5 ? { reasonCode: 0, properties } : { returnCode: 0 }) }];
  };
}

const PATIENT = { deadlineMs: 20_000, parallel: 4 };

async function outcomesOf(
  answers: Answers,
  ...scenarios: readonly Scenario[]
): Promise<readonly (readonly string[])[]> {
  await using peer = broker(answers);
  const results = await run(scenarios, { url: peer.url, ...PATIENT });
  return results.map(({ scenario: { name }, outcome, why = "" }) => [name, outcome, why]);
}

const CONNECTS = scenario("LC-05 LC-24", "connects", 5, [connect("c", 5), quiet("c")]);

Deno.test("a broker that does as a scenario says has passed it", async () => {
  deepEqual(await outcomesOf(accept(false), CONNECTS), [["connects", "passed", ""]]);
});

Deno.test("a broker that answers otherwise has failed, or differs where the texts recommend", async () => {
  const should: Scenario = { ...CONNECTS, name: "recommended", strength: "should" };
  const outcomes = await outcomesOf(accept(true), CONNECTS, should);
  deepEqual(outcomes.map(([name, outcome]) => [name, outcome]), [["connects", "failed"], ["recommended", "differs"]]);
  match(outcomes[0]?.[2] ?? "", /sessionPresent is true, expected false/);
});

Deno.test("what comes unasked, or does not come, is noticed", async () => {
  const chatty: Answers = (packet, version) => [
    ...accept(false)(packet, version),
    ...(packet.cmd === "connect"
      ? [{ cmd: "publish", topic: "t", payload: "unasked", qos: 0, dup: false, retain: false }]
      : []),
  ];
  match((await outcomesOf(chatty, CONNECTS))[0]?.[2] ?? "", /^unexpected: .*unasked/);
  const subscribes = scenario("SB-01", "subscribes", 4, [connect("c", 4), subscribe("c", "~/t", 1)]);
  await using silent = broker(accept(false));
  const [result] = await run([subscribes], { url: silent.url, deadlineMs: 100, parallel: 1 });
  match(result?.why ?? "", /^nothing such came/);
});

Deno.test("clients acknowledge by themselves, unless the scenario does", async () => {
  const heard: string[] = [];
  const answers: Answers = (packet, version) => {
    if (packet.cmd === "publish") return [message("t", "a", 1, { messageId: 7 }), ack("puback", packet.messageId ?? 0)];
    if (packet.cmd === "puback") heard.push(`puback ${packet.messageId}`);
    return accept(false)(packet, version);
  };
  const steps = (manual: boolean): Scenario =>
    scenario(
      "IB-02",
      `manual ${manual}`,
      4,
      [connect("c", 4, { manual }), publish("c", "~/t", "a", 1), quiet("c")].slice(0, 2),
    );
  deepEqual((await outcomesOf(answers, steps(true)))[0]?.[1], "passed");
  deepEqual(heard, []);
  deepEqual((await outcomesOf(answers, steps(false)))[0]?.[1], "passed");
  deepEqual(heard, ["puback 7"]);
});

Deno.test("what a broker does not have is not held against it", async () => {
  const retained: Scenario = { ...CONNECTS, name: "retained", needs: ["retain"] };
  deepEqual(await outcomesOf(accept(false, { retainAvailable: false }), retained), [
    ["retained", "unsupported", "it has no retained messages"],
  ]);
  const of311: Answers = (packet, version) =>
    version === 5 ? [{ cmd: "connack", sessionPresent: false, reasonCode: 0x84 }] : accept(false)(packet, version);
  deepEqual(await outcomesOf(of311, CONNECTS), [["connects", "unsupported", "it does not speak 5.0"]]);
  const dies = scenario("ST-04", "dies", 4, [connect("c", 4), KILL]);
  deepEqual(await outcomesOf(accept(false), dies), [["dies", "needsStart", ""]]);
});

Deno.test("a failure is held against the first row of its scenario alone", async () => {
  await using peer = broker(accept(true));
  const results = await run([CONNECTS], { url: peer.url, ...PATIENT });
  deepEqual(rowsOf(results).map(({ row, outcome }) => [row, outcome]), [["LC-05", "failed"], ["LC-24", "unclear"]]);
});

Deno.test("a broker that cannot be reached is no result", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  await rejects(run([CONNECTS], { url: `mqtt://127.0.0.1:${port}`, ...PATIENT }));
});

Deno.test("a scenario that is wrong is told by its name", async () => {
  await using peer = broker(accept(false));
  const wrong = scenario("LC-05", "wrong", 5, [connect("c", 5), send("c", { cmd: "puback", messageId: "$none" })]);
  await rejects(run([wrong], { url: peer.url, ...PATIENT }), /Cannot play "wrong"/);
});

Deno.test("one death of the broker serves all that wait for it, once all others are over", async () => {
  let deaths = 0;
  const crashes = new Crashes(3, () => Promise.resolve(void (deaths += 1)));
  const first = crashes.wait();
  const second = crashes.wait();
  equal(deaths, 0);
  crashes.leave();
  await Promise.all([first, second]);
  equal(deaths, 1);
  const again = crashes.wait();
  equal(deaths, 1);
  crashes.leave();
  await again;
  equal(deaths, 2);
});

Deno.test("a step waits for the very next packet where the order counts", async () => {
  const reversed: Answers = (packet, version) =>
    packet.cmd === "connect" ? [{ cmd: "pingresp" }, ...accept(false)(packet, version)] : [];
  const first = scenario("LC-17", "first", 4, [connect("c", 4), next("c", { cmd: "pingresp" })]);
  match((await outcomesOf(reversed, first))[0]?.[2] ?? "", /cmd is "pingresp", expected "connack"/);
});
