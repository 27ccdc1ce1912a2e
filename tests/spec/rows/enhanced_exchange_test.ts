/** Enhanced authentication by a server whose host knows a method: AU-02, AU-03, AU-05, AU-06, AU-08, AU-09. */
import { deepEqual, equal } from "node:assert/strict";
import type { Authentication, AuthPacket, BrokerOptions } from "@edge-mqtt/session";
import type { ConnackPacket, ServerPacket } from "../../../src/mqtt/packet.ts";
import { lasting } from "../support/both_versions.ts";
import { resume, route, subscriber } from "../support/deliveries.ts";
import { type Client, type ConnectOptions, read, type Rig, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { closedWith, refused, stillOpen, traces } from "../support/seen.ts";
import { published, watcher, will } from "../support/wills.ts";

const METHOD = "CHALLENGE";

/** A host that asks a question and then another one, and is content with the right answers. */
const CHALLENGE: Partial<BrokerOptions> = {
  limits: { authenticationMethods: [METHOD, "OTHER"] },
  authenticate: ({ authenticationMethod }) =>
    authenticationMethod === undefined ? { ok: true, principal: "u" } : question("one", () => question("two", content)),
  reauthenticate: () => question("again", content),
};

function question(data: string, next: (auth: AuthPacket) => Authentication): Authentication {
  return {
    ok: "continue",
    authenticationData: text(data),
    next: (auth) => said(auth) === `answer to ${data}` ? next(auth) : { ok: false, reasonCode: 0x87 },
  };
}

function content(): Authentication {
  return { ok: true, principal: "u", authenticationData: text("welcome") };
}

function said({ authenticationData }: AuthPacket | ConnackPacket): string | undefined {
  return authenticationData && read(authenticationData);
}

function auth(reasonCode: number, data?: string, authenticationMethod: string | undefined = METHOD): AuthPacket {
  return {
    type: "auth",
    reasonCode,
    ...(authenticationMethod === undefined ? {} : { authenticationMethod }),
    ...(data === undefined ? {} : { authenticationData: text(data) }),
  };
}

/** An AUTH as `0x18 CHALLENGE: one`. */
function shown(packet: ServerPacket): string {
  if (packet.type !== "auth") return packet.type;
  return `0x${packet.reasonCode.toString(16).padStart(2, "0")} ${packet.authenticationMethod}: ${said(packet)}`;
}

function shownAll(client: Client): readonly string[] {
  return client.takeAll().map(shown);
}

function dial(rig: Rig, options: ConnectOptions = {}): Promise<Client> {
  return rig.dial(lasting(5, { authenticationMethod: METHOD, authenticationData: text("hello"), ...options }));
}

/** A client that has answered all questions; its CONNACK is the next packet to take. */
async function answered(rig: Rig, options: ConnectOptions = {}): Promise<Client> {
  const client = await dial(rig, options);
  await client.send(auth(0x18, "answer to one"));
  await client.send(auth(0x18, "answer to two"));
  deepEqual([shown(client.take("auth")), shown(client.take("auth"))], [
    "0x18 CHALLENGE: one",
    "0x18 CHALLENGE: two",
  ]);
  return client;
}

/** The same, with the CONNACK taken. */
async function connected(rig: Rig, sessionPresent: boolean, options: ConnectOptions = {}): Promise<Client> {
  const client = await answered(rig, options);
  const connack = client.take("connack");
  deepEqual([connack.reasonCode, connack.sessionPresent], [0, sessionPresent]);
  return client;
}

row("AU-02", "continues with 0x18 in both directions until CONNACK [MQTT-4.12.0-2, MQTT-4.12.0-3]", async (rig) => {
  const a = await dial(rig);
  deepEqual(shownAll(a), ["0x18 CHALLENGE: one"]);
  await a.send(auth(0x18, "answer to one"));
  deepEqual(shownAll(a), ["0x18 CHALLENGE: two"]);
  await a.send(auth(0x18, "answer to two"));
  const connack = a.take("connack");
  deepEqual([connack.reasonCode, connack.sessionPresent], [0, false]);
  a.quiet();
  stillOpen(a);
}, CHALLENGE);

for (const code of [0x00, 0x19, 0x87]) {
  const named = `0x${code.toString(16).padStart(2, "0")}`;
  row("AU-02", `refuses a client that continues with ${named} in place of 0x18 [MQTT-4.12.0-3]`, async (rig) => {
    const a = await dial(rig);
    deepEqual(shownAll(a), ["0x18 CHALLENGE: one"]);
    await a.send(auth(code, "answer to one"));
    equal(a.take("connack").reasonCode, 0x82);
    deepEqual(a.timeline, ["auth", "connack", "close"]);
  }, CHALLENGE);
}

row("AU-02", "takes no second AUTH before it has answered the first [MQTT-4.12.0-2]", async (rig) => {
  const a = await dial(rig);
  await a.send(auth(0x18, "answer to one"), auth(0x18, "answer to two"));
  deepEqual(shownAll(a), ["0x18 CHALLENGE: one", "connack"]);
  equal(a.closed, true);
}, CHALLENGE);

row("AU-02", "authenticates again with 0x18 in both directions and 0x00 at the end [MQTT-4.12.0-2]", async (rig) => {
  const a = await connected(rig, false);
  for (const _time of [1, 2]) {
    await a.send(auth(0x19, "hello"));
    await a.send(auth(0x18, "answer to again"));
    deepEqual(shownAll(a), ["0x18 CHALLENGE: again", "0x00 CHALLENGE: welcome"]);
  }
  stillOpen(a);
}, CHALLENGE);

row("AU-03", "names the method of the CONNECT in every AUTH and in CONNACK [MQTT-4.12.0-5]", async (rig) => {
  for (const authenticationMethod of [METHOD, "OTHER"]) {
    const a = await dial(rig, { clientId: authenticationMethod, authenticationMethod });
    await a.send(auth(0x18, "answer to one", authenticationMethod));
    await a.send(auth(0x18, "answer to two", authenticationMethod));
    await a.send(auth(0x19, "hello", authenticationMethod));
    await a.send(auth(0x18, "answer to again", authenticationMethod));
    const named = a.received.map((packet) =>
      packet.type === "auth" || packet.type === "connack" ? packet.authenticationMethod : packet.type
    );
    deepEqual(named, [...Array(5)].map(() => authenticationMethod));
    const connack = a.received.find((packet) => packet.type === "connack");
    equal(connack && said(connack), "welcome");
  }
}, CHALLENGE);

for (const [what, method] of [["another method", "OTHER"], ["no method", undefined]] as const) {
  const other = { ...auth(0x18, "answer to one"), authenticationMethod: method } as AuthPacket;
  row("AU-03", `refuses an AUTH with ${what} before CONNACK with 0x82 [MQTT-4.12.0-5]`, async (rig) => {
    const a = await dial(rig);
    a.take("auth");
    await a.send(other);
    const connack = a.take("connack");
    deepEqual([connack.reasonCode, connack.authenticationMethod], [0x82, undefined]);
    equal(a.closed, true);
  }, CHALLENGE);

  row("AU-03", `closes with 0x82 on an AUTH with ${what} after CONNACK [MQTT-4.12.0-5]`, async (rig) => {
    const begins = await connected(rig, false);
    await begins.send({ ...other, reasonCode: 0x19 });
    closedWith(begins, 5, 0x82);
    const goesOn = await connected(rig, true);
    await goesOn.send(auth(0x19));
    goesOn.take("auth");
    await goesOn.send(other);
    closedWith(goesOn, 5, 0x82);
  }, CHALLENGE);
}

for (const packet of [{ type: "pingreq" }, { type: "subscribe", packetId: 1, subscriptions: [] }] as const) {
  row("AU-06", `takes nothing but AUTH and DISCONNECT before CONNACK: ${packet.type} gets 0x82`, async (rig) => {
    const a = await dial(rig);
    a.take("auth");
    await a.send(packet);
    equal(a.take("connack").reasonCode, 0x82);
    equal(a.closed, true);
    equal(await rig.stored(), undefined);
  }, CHALLENGE);
}

row("AU-06", "lets a client leave by DISCONNECT before CONNACK, and touches no session [§3.1.4]", async (rig) => {
  const w = await watcher(rig);
  const before = await subscriber(rig, 5);
  const a = await dial(rig, { cleanStart: true, will: will() });
  a.take("auth");
  await a.send({ type: "disconnect", reasonCode: 0x04 });
  deepEqual(a.timeline, ["auth", "close"]);
  stillOpen(before);
  await route(rig, 1, "m1");
  deepEqual(traces(before), ["m1 q1 #2"]);
  deepEqual(await published(rig, w), []);
}, CHALLENGE);

for (const cleanStart of [false, true]) {
  row("AU-06", `takes the session over only after success, Clean Start ${Number(cleanStart)} [§3.1.4]`, async (rig) => {
    const w = await watcher(rig);
    const old = await subscriber(rig, 5, { will: will() });
    await route(rig, 1, "m1");
    deepEqual(traces(old), ["m1 q1 #2"]);
    const a = await dial(rig, { cleanStart });
    a.take("auth");
    await a.send(auth(0x18, "answer to one"));
    a.take("auth");
    // In the middle of the exchange everything is as it was.
    stillOpen(old);
    await route(rig, 1, "m2");
    deepEqual(traces(old), ["m2 q1 #3"]);
    deepEqual(await published(rig, w), []);
    await a.send(auth(0x18, "answer to two"));
    closedWith(old, 5, 0x8e);
    equal(a.take("connack").sessionPresent, !cleanStart);
    deepEqual(traces(a), cleanStart ? [] : ["m1 q1 #2 dup", "m2 q1 #3 dup"]);
    deepEqual(await published(rig, w), ["gone"]);
  }, CHALLENGE);
}

row("AU-05", "rejects at any step, and leaves session and connection of the id alone [MQTT-4.12.0-4]", async (rig) => {
  const old = await subscriber(rig, 5);
  const before = await rig.stored();
  for (const answers of [["wrong"], ["answer to one", "wrong"]]) {
    const a = await dial(rig, { cleanStart: true });
    for (const answer of answers) {
      a.take("auth");
      await a.send(auth(0x18, answer));
    }
    const connack = a.take("connack");
    deepEqual([connack.reasonCode, connack.sessionPresent, connack.authenticationMethod], [0x87, false, undefined]);
    a.quiet();
    equal(a.closed, true);
  }
  deepEqual(await rig.stored(), before);
  stillOpen(old);
}, CHALLENGE);

row("AU-05", "refuses a method that its host does not know without asking it [MQTT-4.12.0-1]", async (rig) => {
  refused(await dial(rig, { authenticationMethod: "SCRAM-SHA-1" }), 0x8c);
}, { ...CHALLENGE, authenticate: () => question("unasked", content) });

row("AU-05", "waits no longer than for any CONNECT [MQTT-4.12.0-4]", async (rig) => {
  const a = await dial(rig);
  await rig.advance(9_000);
  await a.send(auth(0x18, "answer to one"));
  stillOpen(a);
  await rig.advance(1_000);
  equal(a.closed, true);
  equal(await rig.stored(), undefined);
}, CHALLENGE);

for (const [how, reasonCode, told] of [["0x87", 0x87, 0x87], ["0x8C, which DISCONNECT lacks", 0x8c, 0x87]] as const) {
  row("AU-08", `a re-authentication that fails with ${how} is an abnormal close [MQTT-4.12.1-2]`, async (rig) => {
    const w = await watcher(rig);
    const a = await connected(rig, false, { will: will() });
    await a.subscribe("t", 2);
    await a.send(auth(0x19));
    a.take("auth");
    await route(rig, 1, "m1");
    deepEqual(traces(a), ["m1 q1 #2"]);
    await a.send(auth(0x18, "answer to again"));
    closedWith(a, 5, told);
    deepEqual(await published(rig, w), ["gone"]);
    equal((await rig.stored())?.head.sessionExpiryInterval, 3_600);
    deepEqual(traces(await resume(rig, 5)), ["m1 q1 #2 dup"]);
  }, { ...CHALLENGE, reauthenticate: () => question("again", () => ({ ok: false, reasonCode })) });
}

row(
  "AU-08",
  "closes where the host authenticates nobody again, or finds another principal [MQTT-4.12.1-2]",
  async (rig) => {
    const a = await connected(rig, false);
    await a.send(auth(0x19));
    closedWith(a, 5, 0x87);
    const asked: unknown[] = [];
    const other = rig.node({
      reauthenticate: (_auth, { clientId, principal }) => {
        asked.push([clientId, principal]);
        return { ok: true, principal: "mallory" };
      },
    });
    const b = await connected(other, true);
    await b.send(auth(0x19));
    closedWith(b, 5, 0x87);
    deepEqual(asked, [["a", "u"]]);
  },
  { limits: CHALLENGE.limits ?? {}, authenticate: CHALLENGE.authenticate ?? (() => ({ ok: false })) },
);

row("AU-08", "takes AUTH out of turn for a protocol error [MQTT-4.12.1-2]", async (rig) => {
  for (
    const [packets, sessionPresent] of [[[auth(0x18)], false], [[auth(0x00)], true], [
      [auth(0x19), auth(0x19)],
      true,
    ]] as const
  ) {
    const a = await connected(rig, sessionPresent);
    for (const packet of packets) await a.send(packet);
    deepEqual(traces(a).at(-1), "disconnect 0x82");
    equal(a.closed, true);
  }
}, CHALLENGE);

row("AU-09", "goes on with all else while it authenticates again [§4.12.1]", async (rig) => {
  let decide: (verdict: Authentication) => void = () => {};
  const slow = rig.node({ reauthenticate: () => new Promise((resolve) => decide = resolve) });
  const a = await connected(slow, false);
  await a.subscribe("t", 2);
  await a.send(auth(0x19));
  // The host is thinking; the client is served all the same.
  await route(slow, 1, "m1");
  await a.send({ type: "puback", packetId: 2, reasonCode: 0 }, { type: "pingreq" });
  await a.publish("t", { payload: text("m2"), qos: 2, packetId: 7 });
  await a.send({ type: "pubrel", packetId: 7, reasonCode: 0 });
  deepEqual(traces(a), ["m1 q1 #2", "pingresp", "pubrec #7", "m2 q2 #3", "pubcomp #7"]);
  equal(await slow.queued(), 1);
  decide(question("again", content));
  await slow.settle();
  await route(slow, 1, "m3");
  await a.send(auth(0x18, "answer to again"));
  deepEqual(shownAll(a), ["0x18 CHALLENGE: again", "publish", "0x00 CHALLENGE: welcome"]);
}, CHALLENGE);
