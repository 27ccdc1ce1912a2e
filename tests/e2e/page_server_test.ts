import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { sessionBroker } from "@edge-mqtt/session";
import { memoryStore } from "@edge-mqtt/session/memory";
import { lookAt, previewOf } from "../../examples/browser/inspection.ts";
import { PAGE_HEADER } from "../../examples/browser/page_header.ts";
import { PageProcess } from "./support/page_process.ts";
import { keptFor, WireClient } from "./support/wire_client.ts";

/** The first line that a server answers to a bare request. */
async function statusOf(url: string, lines: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(url);
  using socket = await Deno.connect({ hostname, port: Number(port) });
  await socket.write(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
  const bytes = new Uint8Array(1_024);
  const read = await socket.read(bytes) ?? 0;
  return new TextDecoder().decode(bytes.subarray(0, read)).split("\r\n")[0] ?? "";
}

/** A handshake for MQTT, with more headers. */
function handshake(host: string, ...more: readonly string[]): readonly string[] {
  return [
    "GET /mqtt HTTP/1.1",
    `Host: ${host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: mqtt",
    ...more,
  ];
}

Deno.test("a session goes on through a node that is killed and started, and is seen while it is down", async () => {
  await using server = await PageProcess.start();
  const options = { clientId: "keeper", ...keptFor(5, 3_600) };
  const { client } = await WireClient.connect(server.mqttUrl, 5, options);
  client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "news", qos: 2 }] });
  await client.expect("suback");
  client.send({ cmd: "publish", topic: "news", qos: 2, messageId: 2, dup: false, retain: false, payload: "to come" });
  const heard = [await client.next(), await client.next()].map(({ cmd }) => cmd).sort();
  assert.deepEqual(heard, ["publish", "pubrec"]);

  const down = await server.node("kill");
  assert.equal(down.node.status, "down");
  await client.closed;
  const { session } = await server.look("keeper");
  assert.equal(session?.state, "attached", "nobody saw it leave");
  assert.deepEqual(session.inboundIds, [2]);
  assert.deepEqual(session.subscriptions, [{ filter: "news", qos: 2 }]);
  assert.deepEqual(session.log.map(({ topic, payload, phase, qos }) => [topic, payload, phase, qos]), [
    ["news", "to come", "sent", 2],
  ]);
  assert.match(await statusOf(server.url, handshake("127.0.0.1")), / 502 /, "as if nobody were there");

  assert.equal((await server.node("start")).node.status, "running");
  const { client: again, connack } = await WireClient.connect(server.mqttUrl, 5, options);
  assert.equal(connack.sessionPresent, true);
  const publish = await again.expect("publish");
  assert.deepEqual([publish.payload.toString(), publish.dup], ["to come", true]);
  await again.disconnect();
  assert.equal((await server.look("keeper")).session?.state, "detached");
  assert.equal((await server.look("nobody")).session, undefined);
  assert.equal(await server.stop(), 0);
});

Deno.test("the page carries its guarding headers, and its parts are what they say", async () => {
  await using server = await PageProcess.start();
  for (const [path, type] of [["", "text/html"], ["page.js", "text/javascript"], ["style.css", "text/css"]] as const) {
    const response = await fetch(new URL(path, server.url));
    assert.equal(response.status, 200, path);
    assert.ok(response.headers.get("content-type")?.startsWith(type), path);
    assert.match(response.headers.get("content-security-policy") ?? "", /script-src 'self';/);
    assert.equal(response.headers.get("x-frame-options"), "DENY");
    const text = await response.text();
    assert.doesNotMatch(path === "" ? text : "", /\son\w+=|style=|<script>|javascript:/, "nothing stands inline");
  }
  for (
    const [path, method, status] of [["main.ts", "GET", 404], ["../deno.json", "GET", 404], ["", "POST", 405]] as const
  ) {
    const response = await fetch(new URL(path, server.url), { method });
    await response.body?.cancel();
    assert.equal(response.status, status, `${method} /${path}`);
  }
});

Deno.test("another origin and another name are refused by the running server, and kill nothing", async () => {
  await using server = await PageProcess.start();
  const { host } = new URL(server.url);
  const foreign = "Origin: http://evil.example";
  const cases: readonly (readonly [status: RegExp, lines: readonly string[]])[] = [
    [/ 403 /, handshake(host, foreign)],
    [/ 421 /, handshake("evil.example")],
    [/ 101 /, handshake(host)],
    [/ 101 /, handshake(host, `Origin: http://${host}`)],
    [/ 421 /, ["GET / HTTP/1.1", "Host: evil.example"]],
    [/ 403 /, ["GET /look?client=a HTTP/1.1", `Host: ${host}`]],
    [/ 403 /, ["GET /look?client=a HTTP/1.1", `Host: ${host}`, foreign, `${PAGE_HEADER}: 1`]],
    [/ 403 /, ["POST /node/kill HTTP/1.1", `Host: ${host}`, foreign, `${PAGE_HEADER}: 1`, "Content-Length: 0"]],
    [/ 403 /, ["POST /node/kill HTTP/1.1", `Host: ${host}`, "Content-Length: 0"]],
    [/ 421 /, ["POST /node/kill HTTP/1.1", "Host: evil.example", `${PAGE_HEADER}: 1`, "Content-Length: 0"]],
    [/ 405 /, ["GET /node/kill HTTP/1.1", `Host: ${host}`, `${PAGE_HEADER}: 1`]],
    // What a browser asks before it sends such a header for another origin: no answer lets it.
    [/ 403 /, ["OPTIONS /node/kill HTTP/1.1", `Host: ${host}`, foreign, "Access-Control-Request-Method: POST"]],
  ];
  for (const [status, lines] of cases) assert.match(await statusOf(server.url, lines), status, lines.join(" | "));
  assert.equal((await server.look("a")).node.status, "running");
});

Deno.test("a server that others can reach shows nothing without its token, which it never prints", async () => {
  const token = "token-7be3";
  await using server = await PageProcess.start({
    args: ["--host", "0.0.0.0"],
    environment: { EDGE_MQTT_TOKEN: token },
  });
  const url = server.url.replace("0.0.0.0", "127.0.0.1");
  const ask = async (authorization?: string) => {
    const headers = { [PAGE_HEADER]: "1", ...(authorization === undefined ? {} : { authorization }) };
    const response = await fetch(new URL("look?client=a", url), { headers });
    return { status: response.status, text: await response.text() };
  };
  assert.equal((await ask()).status, 401);
  assert.equal((await ask("Bearer wrong")).status, 401);
  assert.equal((await ask(`Bearer ${token}`)).status, 200);
  for (const path of ["", "page.js"]) assert.ok(!(await (await fetch(new URL(path, url))).text()).includes(token));
  assert.ok(!server.output.includes(token));
});

Deno.test("sessions in the node's own memory are not to be seen, and the page is told so", async () => {
  await using server = await PageProcess.start({ args: ["--store", "memory"] });
  const { node, session, hidden } = await server.look("a");
  assert.deepEqual([node.status, session], ["running", undefined]);
  assert.match(hidden ?? "", /memory/);
});

Deno.test("a look tells what is owed, in which phase and under which identifier, and not whole payloads", async () => {
  const store = memoryStore();
  const broker = sessionBroker({ store });
  const connection = broker.accept({ send: () => {}, close: () => {} });
  await connection.receive([
    {
      type: "connect",
      protocolVersion: 5,
      clientId: "reader",
      cleanStart: true,
      keepAlive: 0,
      sessionExpiryInterval: 60,
      receiveMaximum: 2,
    },
    {
      type: "subscribe",
      packetId: 9,
      subscriptions: [{ filter: "a", qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
    },
  ]);
  for (let number = 1; number <= 4; number++) {
    await broker.publish({ topic: "a", payload: Buffer.from(`${number} ${"x".repeat(500)}`), qos: 2 });
  }
  await broker.settled();
  await connection.receive([{ type: "pubrec", packetId: 2, reasonCode: 0 }]);
  await broker.settled();
  const look = await lookAt(store, "reader");
  assert.equal(look?.state, "attached");
  assert.deepEqual(
    look.log.map(({ sequence, packetId, phase, topic }) => [sequence, packetId, phase, topic]).slice(0, 2),
    [
      [1, 2, "released", undefined],
      [2, 3, "sent", "a"],
    ],
  );
  for (const { payload } of look.log) assert.ok((payload?.length ?? 0) < 100);
  connection.closed();
  await connection.done;
  const { state, endsAt } = await lookAt(store, "reader") ?? {};
  assert.equal(state, "detached");
  assert.ok(endsAt !== undefined && endsAt > Date.now());
  assert.equal(await lookAt(store, "nobody"), undefined);
  await broker[Symbol.asyncDispose]();
});

Deno.test("a payload is previewed as text, whatever bytes it has", () => {
  assert.equal(previewOf(Buffer.from("a<b>")), "a<b>");
  assert.equal(previewOf(Uint8Array.of(0xff, 0x61)), "\ufffda");
  assert.equal(previewOf(new Uint8Array(0)), "");
  assert.ok(previewOf(Buffer.from("é".repeat(1_000))).endsWith("…"));
});
