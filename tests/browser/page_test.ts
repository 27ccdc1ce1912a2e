/// <reference lib="dom" />
import assert from "node:assert/strict";
import { PageProcess, type PageProcessOptions } from "../e2e/support/page_process.ts";
import { keptFor, WireClient } from "../e2e/support/wire_client.ts";
import { DrivenPage } from "./page/driven_page.ts";
import { type Chromium, launchChromium } from "./support/chromium.ts";

/** A browser and a server for one test. */
class Scene implements AsyncDisposable {
  readonly chromium: Chromium;
  readonly server: PageProcess;

  private constructor(chromium: Chromium, server: PageProcess) {
    this.chromium = chromium;
    this.server = server;
  }

  static async set(args: readonly string[] = [], page: PageProcessOptions = {}): Promise<Scene> {
    const [chromium, server] = await Promise.all([launchChromium({ args }), PageProcess.start(page)]);
    return new Scene(chromium, server);
  }

  open(): Promise<DrivenPage> {
    return DrivenPage.open(this.chromium.context, this.server.url);
  }

  /** A client that gets what is published to the topic, and keeps its session. */
  async peer(topic: string): Promise<Peer> {
    const peer = new Peer(this.server.mqttUrl);
    await peer.connect();
    await peer.subscribe(topic);
    return peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.chromium[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

/** A client that counts every QoS 2 message once. It answers while somebody waits for something. */
class Peer {
  readonly #url: string;
  readonly #open = new Set<number>();
  #client: WireClient | undefined;
  /** The payloads, in order. */
  readonly received: string[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  async connect(): Promise<void> {
    this.#client = (await WireClient.connect(this.#url, 5, { clientId: "peer", ...keptFor(5, 3_600) })).client;
  }

  async subscribe(topic: string): Promise<void> {
    this.#client?.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic, qos: 2 }] });
    await this.until("suback");
  }

  publish(topic: string, payload: string, messageId: number): void {
    this.#client?.send({ cmd: "publish", topic, payload, qos: 2, messageId, dup: false, retain: false });
  }

  /** Answers until a packet of this kind has come. */
  async until(cmd: "suback" | "pubcomp" | "closed"): Promise<void> {
    while (await this.#answerNext() !== cmd);
  }

  /** Answers until a message of this payload has come. */
  async untilReceived(payload: string): Promise<void> {
    while (!this.received.includes(payload)) await this.#answerNext();
  }

  async #answerNext(): Promise<string> {
    const client = this.#client;
    if (client === undefined) throw new Error("The peer is not connected");
    const heard = await client.next();
    const messageId = "messageId" in heard ? heard.messageId ?? 0 : 0;
    switch (heard.cmd) {
      case "publish":
        if (!this.#open.has(messageId)) this.received.push(heard.payload.toString());
        this.#open.add(messageId);
        client.send({ cmd: "pubrec", messageId });
        break;
      case "pubrec":
        client.send({ cmd: "pubrel", messageId });
        break;
      case "pubrel":
        this.#open.delete(messageId);
        client.send({ cmd: "pubcomp", messageId });
    }
    return heard.cmd;
  }
}

Deno.test("the page loads, connects, subscribes and publishes at each level, and the browser complains of nothing", async () => {
  await using scene = await Scene.set();
  const page = await scene.open();
  await page.drawn("client", "idle");
  await page.drawn("broker", "absent");
  await page.connect("page-a");
  await page.drawn("client", "online");
  await page.drawn("broker", "attached");
  await page.subscribe("levels/#");
  for (const qos of [0, 1, 2] as const) {
    await page.publish(`levels/${qos}`, `at ${qos}`, qos);
    await page.received(qos + 1);
  }
  assert.deepEqual(await page.received(3), [0, 1, 2].map((qos) => `levels/${qos}at ${qos}QoS ${qos}`));
  await page.owes("client", 0);
  await page.owes("broker", 0);
  await page.page.getByRole("button", { name: "Unsubscribe from levels/#" }).click();
  await page.page.locator("#subscriptions li").waitFor({ state: "detached" });
  await page.press("Disconnect");
  await page.drawn("client", "idle");
  await page.drawn("broker", "detached");
  page.assertNoProblems();
});

Deno.test("the page is used by the keyboard alone: everything has a name, a place in order and a visible focus", async () => {
  await using scene = await Scene.set();
  const driven = await scene.open();
  const { page } = driven;
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      const label = element instanceof HTMLInputElement || element instanceof HTMLSelectElement
        ? element.labels?.[0]?.firstChild?.textContent?.trim()
        : undefined;
      const shown = element === null ? "" : getComputedStyle(element).outlineStyle;
      return { name: label ?? element?.getAttribute("aria-label") ?? element?.textContent?.trim() ?? "", shown };
    });
  const order: string[] = [];
  for (let press = 0; press < 25; press++) {
    await page.keyboard.press("Tab");
    const { name, shown } = await focused();
    if (name === "" || order.includes(name)) break;
    assert.notEqual(shown, "none", `the focus on ${name} is seen`);
    order.push(name);
  }
  const expected = [
    "Skip to the session",
    "Client identifier",
    "Session lasts (s)",
    "Keep alive (s)",
    "Connect",
    "Disconnect",
    "Go offline",
    "Cut connection",
    "Reload page",
    "Kill node",
    "Start node",
    "Topic filter",
    "Up to QoS",
    "Subscribe",
    "Topic",
    "Payload",
    "QoS",
    "Expires after (s)",
    "Publish",
  ];
  assert.deepEqual(order.slice(0, expected.length), expected);

  await page.getByLabel("Client identifier").focus();
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.type("by-keyboard");
  await page.keyboard.press("Enter");
  await driven.clientIs("online");
  await page.getByLabel("Topic filter").focus();
  await page.keyboard.press("Enter");
  await page.locator("#subscriptions li").waitFor();
  await page.getByLabel("Payload").focus();
  await page.keyboard.press("Enter");
  await driven.received(1);
  await page.getByRole("button", { name: "Unsubscribe from demo/#" }).focus();
  await page.keyboard.press("Space");
  await page.locator("#subscriptions li").waitFor({ state: "detached" });
  assert.equal((await focused()).name, "Topic filter", "the focus does not fall out of the page with its button");
  const announced = page.locator('#says[aria-live="polite"]');
  await page.getByRole("button", { name: "Disconnect" }).press("Enter");
  await announced.filter({ hasText: "offline" }).waitFor({ state: "attached" });
  driven.assertNoProblems();
});

Deno.test("what was published before a reload and a killed node is kept, and arrives once", async () => {
  await using scene = await Scene.set();
  const peer = await scene.peer("kept/#");
  const page = await scene.open();
  await page.connect("page-b");
  await page.press("Kill node");
  await page.nodeIs("down");
  await page.clientIs("offline");
  await peer.until("closed");
  for (const payload of ["first", "second", "third"]) await page.publish("kept/messages", payload);
  await page.owes("client", 3);
  await page.reload();
  await page.owes("client", 3);
  assert.deepEqual((await page.log("client")).map(({ text }) => text.includes("kept/messages")), [true, true, true]);

  await page.press("Start node");
  await page.nodeIs("running");
  await page.clientIs("online");
  await page.owes("client", 0);
  await peer.connect();
  await page.publish("kept/messages", "last");
  await peer.untilReceived("last");
  assert.deepEqual(peer.received, ["first", "second", "third", "last"]);
  page.assertNoProblems();
});

Deno.test("what is published offline leaves once the page is online, in order; what came meanwhile comes then", async () => {
  await using scene = await Scene.set();
  const peer = await scene.peer("from-page/#");
  const page = await scene.open();
  await page.connect("page-c");
  await page.subscribe("to-page/#");
  await page.press("Go offline");
  await page.clientIs("offline");
  await page.drawn("broker", "detached");
  for (let number = 1; number <= 5; number++) await page.publish("from-page/a", String(number));
  peer.publish("to-page/a", "meanwhile", 7);
  await peer.until("pubcomp");
  await page.owes("client", 5);
  await page.owes("broker", 1);
  await page.press("Go online");
  await page.clientIs("online");
  await peer.untilReceived("5");
  assert.deepEqual(peer.received, ["1", "2", "3", "4", "5"]);
  assert.deepEqual(await page.received(1), ["to-page/ameanwhileQoS 2"]);
  await page.owes("client", 0);
  await page.press("Cut connection");
  await page.clientIs("online");
  page.assertNoProblems();
});

Deno.test("script in topics, payloads, filters and client identifiers stays text", async () => {
  await using scene = await Scene.set();
  const driven = await scene.open();
  const { page } = driven;
  const script = `<img src=x onerror="globalThis.ran=1"><script>globalThis.ran=1</script>`;
  await driven.connect(`"><script>ran=1</script>`);
  await driven.subscribe(`<b>${script}</b>/#`.replaceAll("/script", "-script"));
  await driven.subscribe("#");
  await driven.publish(script.replaceAll("+", ""), script);
  await driven.publish("bidi", "\u202egnp.exe\u0000\u001b[31m");
  const shown = await driven.received(2);
  assert.ok(shown.some((text) => text.includes("<script>globalThis.ran=1</script>")), "it is shown as it was sent");
  assert.ok(shown.some((text) => text.includes("⟨202e⟩") && text.includes("⟨0⟩")), "and what cannot be seen is seen");
  await driven.press("Go offline");
  await driven.publish(script, script);
  await driven.owes("client", 1);
  assert.equal(await page.evaluate(() => "ran" in globalThis), false);
  assert.equal(await page.locator("main img, main script, main b").count(), 0);
  driven.assertNoProblems();
});

Deno.test("a page of another origin can neither look nor kill nor connect, and cannot frame the page", async () => {
  await using scene = await Scene.set(["--host-resolver-rules=MAP evil.example 127.0.0.1"]);
  const evil = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () =>
      new Response("<!doctype html><title>evil</title><link rel=icon href=data:,>", {
        headers: { "content-type": "text/html" },
      }),
  );
  const page = await scene.chromium.open(`http://127.0.0.1:${evil.addr.port}/`);
  const target = scene.server.url;
  const tried = await page.evaluate(async (target) => {
    const attempt = (path: string, init: RequestInit) =>
      fetch(target + path, init).then((response) => `${response.type} ${response.status}`, () => "failed");
    const socket = await new Promise((resolve) => {
      const opened = new WebSocket(`${target.replace("http", "ws")}mqtt`, "mqtt");
      opened.onopen = () => resolve("open");
      opened.onclose = () => resolve("failed");
    });
    return [
      await attempt("look?client=a", {}),
      await attempt("look?client=a", { headers: { "x-edge-mqtt-page": "1" } }),
      await attempt("node/kill", { method: "POST" }),
      await attempt("node/kill", { method: "POST", headers: { "x-edge-mqtt-page": "1" } }),
      // Such a request leaves, and its answer is kept from the page.
      await attempt("node/kill", { method: "POST", mode: "no-cors", body: new URLSearchParams({ a: "b" }) }),
      socket,
    ];
  }, target);
  // The answer to a question without CORS is refused by the server or kept back by the browser: one as good as the other.
  assert.deepEqual(tried, ["failed", "failed", "failed", "failed", "failed", "failed"]);
  await page.evaluate((target) =>
    new Promise<void>((resolve) => {
      const frame = document.createElement("iframe");
      frame.src = target;
      frame.onload = () => resolve();
      document.body.append(frame);
    }), target);
  assert.equal(page.frames().some((frame) => frame.url() === target), false, "the browser shows its own page instead");
  await Promise.all([
    page.waitForEvent("load"),
    page.evaluate((target) => {
      const form = document.createElement("form");
      form.method = "post";
      form.action = `${target}node/kill`;
      document.body.append(form);
      form.submit();
    }, target),
  ]);
  assert.match(await page.locator("body").textContent() ?? "", /own page may ask/);

  const rebound = await page.goto(target.replace("127.0.0.1", "evil.example"));
  assert.equal(rebound?.status(), 421, "a name that was pointed here is not ours");
  assert.equal((await scene.server.look("a")).node.status, "running");
  await evil.shutdown();
});

Deno.test("a second tab with the same client takes the session, the first says so and can take it back", async () => {
  await using scene = await Scene.set();
  const first = await scene.open();
  await first.connect("page-tabs");
  await first.subscribe("tabs/#");
  await first.press("Go offline");
  await first.publish("tabs/a", "waits");
  await first.owes("client", 1);
  const second = await scene.open();
  await second.connect("page-tabs");
  await first.page.getByRole("alert").filter({ hasText: "Another page has this session" }).waitFor();
  await first.clientIs("offline");
  assert.deepEqual(await second.received(1), ["tabs/awaitsQoS 2"]);
  await second.owes("client", 0);
  await first.press("Go online");
  await first.press("Connect");
  await first.clientIs("online");
  await second.page.getByRole("alert").filter({ hasText: "Another page has this session" }).waitFor();
  await first.publish("tabs/a", "goes on");
  assert.deepEqual(await first.received(1), ["tabs/agoes onQoS 2"]);
  first.assertNoProblems();
  second.assertNoProblems();
});

Deno.test("a server with a token lets the page look and kill once it is told, and the page keeps it nowhere", async () => {
  const token = "token-3f08";
  await using scene = await Scene.set([], { environment: { EDGE_MQTT_TOKEN: token } });
  const page = await scene.chromium.open(scene.server.url);
  const field = page.getByLabel("Token");
  await field.waitFor();
  await page.locator("#node-pill", { hasText: "token is missing" }).waitFor();
  await field.fill("wrong");
  await field.press("Enter");
  await page.locator("#node-pill", { hasText: "token is missing or wrong" }).waitFor();
  await field.fill(token);
  await field.press("Enter");
  await page.locator('#node-pill[data-state="running"]').waitFor();
  await field.waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Kill node" }).click();
  await page.locator('#node-pill[data-state="down"]').waitFor();
  const kept = await page.evaluate(() =>
    [document.documentElement.outerHTML, location.href, document.cookie, ...Object.values(localStorage)]
      .concat(Object.values(sessionStorage), [...document.querySelectorAll("input")].map(({ value }) => value))
      .join("\n")
  );
  assert.ok(!kept.includes(token));
});
