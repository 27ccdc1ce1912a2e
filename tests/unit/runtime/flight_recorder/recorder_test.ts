import assert from "node:assert/strict";
import { memoryStore } from "../../../../src/stores/memory.ts";
import { type ConnectPacket, REASON } from "../../../../mod.ts";
import { flightRecorder, replayFlight, tellReplayed } from "../../../../src/runtime/flight_recorder/mod.ts";
import { openBroker, openPage, text, until } from "../client/support.ts";
import { rest, world } from "../support.ts";
import { differencesOf, recording, rowsOf, stepsOf } from "./support.ts";

const KEPT: Partial<ConnectPacket> = { cleanStart: false, sessionExpiryInterval: 60 };
const WILL = {
  topic: "will",
  payload: new TextEncoder().encode("gone"),
  qos: 1,
  retain: false,
  properties: {},
  willDelayInterval: 0,
} as const;

/** A world in which every row of the server's lifecycle is taken, or nearly. */
async function eventful(lines: string[], options: Parameters<typeof flightRecorder>[1] = {}): Promise<void> {
  const record = flightRecorder((line) => lines.push(line), options);
  const { connect, broker, pass, client } = world({ record });
  const subscribe = { filter: "#", qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  // S2, S12 with a Will delay, S13, S3, S9.
  const first = await connect("a", { ...KEPT, will: { ...WILL, willDelayInterval: 5 } });
  await first.send({ type: "subscribe", packetId: 1, subscriptions: [subscribe] });
  first.connection.closed("transport");
  await rest();
  await pass(6_000);
  await broker.runDue();
  const payload = new TextEncoder().encode("confidential");
  for (const qos of [0, 1, 2] as const) await broker.publish({ topic: "t", payload, qos });
  const second = await connect("a", KEPT);
  const ids = second.got.flatMap((packet) => packet.type === "publish" ? [[packet.qos, packet.packetId ?? 0]] : []);
  for (const [qos, packetId = 0] of ids) {
    if (qos === 1) await second.send({ type: "puback", packetId, reasonCode: 0 });
    if (qos === 2) {
      await second.send({ type: "pubrec", packetId, reasonCode: 0 });
      await second.send({ type: "pubcomp", packetId, reasonCode: 0 });
    }
  }
  const out = { topic: "own", payload, retain: false, dup: false, properties: {} };
  await second.send({ type: "publish", ...out, qos: 2, packetId: 7 }, { type: "pubrel", packetId: 7, reasonCode: 0 });
  await second.send({ type: "disconnect", reasonCode: 0 });
  // S5, S6 and S16, S10, S4.
  await connect("a", { ...KEPT, cleanStart: true, will: WILL });
  const fourth = await connect("a", { ...KEPT, will: WILL });
  await fourth.send({ type: "disconnect", reasonCode: 0x04 });
  await pass(61_000);
  // S8, S11, S14.
  await connect("a", KEPT);
  const sixth = await connect("a", { ...KEPT, cleanStart: true });
  await sixth.send({ type: "disconnect", reasonCode: REASON.keepAliveTimeout });
  await pass(61_000);
  await broker.runDue();
  // S15 while attached, S1.
  await connect("a", KEPT);
  await broker.end("a");
  const stranger = client();
  await stranger.send({ type: "pingreq" });
  await broker.shutdown();
}

Deno.test("what a broker recorded is played again without a difference, by the rows of the table", async () => {
  const lines: string[] = [];
  await eventful(lines);
  assert.deepEqual(differencesOf(lines), []);
  const rows = new Set(rowsOf(lines));
  for (const row of ["S1", "S2", "S3", "S5", "S6", "S8", "S9", "S10", "S11", "S12", "S13", "S14", "S15", "S16"]) {
    assert.ok(rows.has(row), `${row} is not among ${[...rows].sort()}`);
  }
  const flying = stepsOf(lines).flatMap(({ after }) => after.window.map(({ state }) => state));
  assert.deepEqual([...new Set(flying)].sort(), ["awaitPuback", "awaitPubcomp", "awaitPubrec"]);
  assert.ok(lines.some((line) => line.includes('"outcome":"committed"')));
});

Deno.test("whole payloads and hashed names are played as well, and neither form says what it hides", async () => {
  const [whole, hidden] = [[] as string[], [] as string[]];
  await eventful(whole, { payloads: "whole" });
  assert.deepEqual(differencesOf(whole), []);
  assert.ok(whole.some((line) => line.includes(btoa("confidential"))));
  await eventful(hidden, { clientIds: "hashed" });
  assert.deepEqual(differencesOf(hidden), []);
  assert.ok(!hidden.some((line) => line.includes(btoa("confidential")) || line.includes('"clientId":"a"')));
  const names = new Set(stepsOf(hidden).flatMap(({ clientId }) => clientId ?? []));
  assert.equal(names.size, 1, "the same client has the same name in all its connections");
});

Deno.test("a line that was tampered with is found, with the place and both values", async () => {
  const lines: string[] = [];
  await eventful(lines);
  const at = lines.findIndex((line) => line.includes('"type":"connack"'));
  const tampered = [...lines];
  tampered[at] = (lines[at] ?? "").replace(
    '"type":"connack","sessionPresent":false',
    '"type":"connack","sessionPresent":true',
  );
  const found = stepsOf(tampered).flatMap(({ line, differences }) => differences.map((each) => ({ line, ...each })));
  assert.deepEqual(found, [{
    line: at + 1,
    where: "effects[0].packet.sessionPresent",
    recorded: "true",
    computed: "false",
  }]);

  const farewell = '"packet":{"type":"disconnect","reasonCode":4}';
  const later = lines.map((line) => line.replace(farewell, farewell.replace("4", "0")));
  assert.notDeepEqual(differencesOf(later), [], "an event that was changed leads elsewhere");
});

Deno.test("a line that is missing is noticed where the next one is played, and a line that is cut off is said", async () => {
  const lines: string[] = [];
  await eventful(lines);
  const at = lines.findIndex((line) => line.includes('"type":"subscribe"'));
  const [flight] = /"flight":"[^"]+"/.exec(lines[at] ?? "") ?? [];
  const without = lines.filter((line, index) => index !== at && line.includes(flight ?? "?"));
  assert.ok(stepsOf(without).some(({ differences }) => differences.some(({ where }) => where === "n")));

  const cut = [...lines.slice(0, 5), (lines[5] ?? "").slice(0, 40), '{"flight":"x-1","type":"stepped"}', "[]"];
  const said = [...replayFlight(cut)].flatMap((each) => each.type === "unplayable" ? [[each.line, each.why]] : []);
  assert.deepEqual(said, [[6, "it is no JSON"], [7, "the step is not whole"], [8, "it is no line of a recording"]]);
  const [opened = ""] = lines;
  const newer = opened.replace('"version":1', '"version":2');
  assert.deepEqual([...replayFlight([newer])].map(({ type }) => type), ["unplayable"]);
  assert.deepEqual([...replayFlight(lines.slice(1, 2))].map(({ type }) => type), ["unplayable"]);
});

Deno.test("what a step throws is recorded, thrown on, and thrown again", () => {
  const { lines, record } = recording();
  const flight = record.open({ role: "server", policy: {}, limits: {} });
  const thrown = new TypeError("Cannot step connectionClosed: no connection was opened");
  assert.throws(() =>
    flight.step({ type: "connectionClosed" }, 5, () => {
      throw thrown;
    }), thrown);
  const [step] = stepsOf(lines);
  assert.deepEqual([step?.threw, step?.differences], [`TypeError: ${thrown.message}`, []]);
});

Deno.test("what takes the lines down cannot break what is taken down", async () => {
  const record = flightRecorder(() => {
    throw new Error("the disk is full");
  });
  const { connect, broker } = world({ record });
  const client = await connect("a");
  assert.equal(client.types(), "connack");
  await broker.shutdown();
});

Deno.test("only chosen clients are taken down, from the opening of their connections on", async () => {
  const { lines, record } = recording({ only: (clientId) => clientId === "b" });
  const { connect, client, broker } = world({ record });
  await connect("a", KEPT);
  await connect("b", KEPT);
  await client().send({ type: "pingreq" });
  await broker.shutdown();
  assert.deepEqual(differencesOf(lines), []);
  assert.deepEqual(new Set(stepsOf(lines).map(({ flight }) => flight)).size, 1);
  assert.equal(stepsOf(lines)[0]?.event.type, "connectionOpened");
  assert.ok(lines.every((line) => !line.includes('"clientId":"a"')));
});

Deno.test("what a client recorded over two pages and a cut is played again without a difference", async () => {
  const { lines, record } = recording();
  const store = memoryStore();
  const broker = openBroker();
  const first = openPage(store, { record });
  await first.client.publish({ topic: "t/early", payload: "m", qos: 1 }).stored;
  const link = first.connect(broker, { password: new TextEncoder().encode("hunter2"), username: "hunter2" });
  await first.client.subscribe([{ filter: "t/#" }]);
  for (const qos of [0, 1, 2] as const) await first.client.publish({ topic: `t/${qos}`, payload: "m", qos }).done;
  await until(() => first.got.length >= 3);
  link.cut();
  first.client.publish({ topic: "t/offline", payload: "m", qos: 2 });
  first.connect(broker);
  await until(() => first.got.some(({ topic }) => topic === "t/offline"));
  await first.client.disconnect();
  await first.client[Symbol.asyncDispose]();
  const second = openPage(store, { record });
  second.connect(broker);
  await second.client.publish({ topic: "t/last", payload: "last", qos: 2 }).done;
  await until(() => second.got.some((got) => text(got) === "last"));
  await second.client[Symbol.asyncDispose]();
  await broker.shutdown();
  assert.deepEqual(differencesOf(lines), []);
  assert.deepEqual(new Set(stepsOf(lines).map(({ role }) => role)), new Set(["client"]));
  const rows = rowsOf(lines);
  for (const row of ["C3", "C4", "C10", "C13", "C2", "C6", "C11"]) assert.ok(rows.includes(row), `${row}: ${rows}`);
  assert.ok(lines.every((line) => !line.includes("hunter2")));
});

Deno.test("a recording is told to people: each step with the state of the diagram, and where it differs", async () => {
  const lines: string[] = [];
  await eventful(lines);
  const tell = () => [...replayFlight(lines)].map(tellReplayed).join("\n");
  const told = tell();
  for (
    const part of [
      "server, opened for a new connection: connection",
      'server, opened for the session of "a"',
      "packetReceived CONNECT",
      "absent → attached by S",
      "attached → detached by S9; ",
      "asks: authenticate",
      "store: acquired, new",
      "store: acquired, resumed",
      ", the stored one ended: cleanStart, taken from a living owner",
      "store: committed (changes: ",
      "effects: sendPacket PUBLISH QoS 2",
      "in flight ",
      "unreleased 7",
      "deleteQueued 2",
      "closeConnection 0x",
    ]
  ) assert.ok(told.includes(part), `${part} is not told:\n${told}`);
  assert.ok(!told.includes("DIFFERS"));
  const place = lines.findIndex((line) => line.includes('"sendPacket"') && line.includes('"connack"'));
  lines[place] = (lines[place] ?? "").replace('"sessionPresent":false', '"sessionPresent":true');
  lines.push("no line of a recording");
  const tampered = tell();
  assert.match(tampered, /DIFFERS at .*sessionPresent.*recorded true, computed false/);
  assert.match(tampered, /line \d+ cannot be played: /);
});

Deno.test("the life of a client is told by the rows of its table", async () => {
  const { lines, record } = recording();
  const page = openPage(memoryStore(), { record, connect: { sessionExpiryInterval: 60 } });
  const connack = { type: "connack", sessionPresent: false, reasonCode: 0 } as const;
  /** Connects, and gets these packets. */
  const meets = async (...packets: Parameters<ReturnType<typeof page.client.connect>["receive"]>[0][number][]) => {
    const sent: string[] = [];
    const connection = page.client.connect({ send: ({ type }) => void sent.push(type), close: () => {} });
    await until(() => sent.includes("connect"));
    for (const packet of packets) await connection.receive([packet]);
    return connection;
  };
  // C2 and refused; then accepted without a session, lost, gone on with, a fault of the server, and a session that is new.
  await page.client.publish({ topic: "t", payload: "offline", qos: 1 }).stored;
  await (await meets({ type: "connack", sessionPresent: false, reasonCode: 0x88 })).done;
  const first = await meets(connack);
  await until(() => page.client.online);
  page.client.subscribe([{ filter: "t" }]).catch(() => {});
  first.closed();
  await first.done;
  const second = await meets({ ...connack, sessionPresent: true });
  await until(() => page.client.online);
  await second.receive([{ type: "connack", sessionPresent: true, reasonCode: 0 }]);
  await second.done;
  const third = await meets();
  third.closed();
  await third.done;
  await meets(connack);
  await until(() => page.client.online);
  await page.client.disconnect();
  await page.client[Symbol.asyncDispose]();
  assert.deepEqual(differencesOf(lines), []);
  const rows = new Set(rowsOf(lines));
  assert.ok(rows.size >= 8, `only ${[...rows].sort()}`);
  const told = [...replayFlight(lines)].map(tellReplayed).join("\n");
  assert.ok(told.includes("client, opened for "), told);
});
