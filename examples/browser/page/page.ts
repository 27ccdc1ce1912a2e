/// <reference lib="dom" />
/**
 * The page's session, and what goes on around it.
 *
 * @module
 */
import type { ClientInspection, ClientNews, PublishOutcome, SessionClient } from "@edge-mqtt/session/client";
import { announce } from "./announce.ts";
import { brokerLook, clientLook } from "./both_sides.ts";
import { type Answer, BrokerSide } from "./broker_side.ts";
import { Controls } from "./controls.ts";
import { CLIENT, STORED } from "./drawings.ts";
import { Line } from "./line.ts";
import { openSession } from "./session.ts";
import { type Identity, storeConnected, storedIdentity, storeIdentity, wasConnected } from "./settings.ts";
import { side } from "./side.ts";
import { byId, element, foreign, say, visible } from "./text.ts";
import { told } from "./told.ts";

/** What changes is drawn so long after the first change, so that many are drawn together, in milliseconds. */
const TOGETHER_MS = 50;

const SOCKET = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/mqtt`;

/** Everything that the page does, from its loading on. */
export class Page {
  readonly #fault = byId("fault", HTMLElement);
  readonly #received = told(byId("received", HTMLElement));
  readonly #happened = told(byId("told", HTMLElement));
  readonly #clientSide = side(byId("client-side", HTMLElement), CLIENT, {
    log: "To the broker",
    empty: "Nothing waits to be sent or answered.",
    inbound: "QoS 2 identifiers not yet released",
  });
  readonly #brokerSide = side(byId("broker-side", HTMLElement), STORED, {
    log: "To this page",
    empty: "Nothing waits to be sent or answered.",
    inbound: "QoS 2 identifiers not yet released",
  });
  readonly #controls: Controls;
  readonly #line = new Line(SOCKET, {
    changed: (retryAt) => {
      this.#retryAt = retryAt;
      this.#drawSoon();
    },
  });
  readonly #broker = new BrokerSide((answer) => {
    this.#answer = answer;
    this.#drawSoon();
  });
  #identity = storedIdentity();
  #session: SessionClient | undefined;
  #opening: Promise<SessionClient> | undefined;
  #isWanted = false;
  #retryAt: number | undefined;
  #answer: Answer | undefined;
  #drawing: ReturnType<typeof setTimeout> | undefined;
  #draws = 0;
  #receivedCount = 0;

  constructor() {
    this.#controls = new Controls(this.#identity, {
      connect: (identity) => this.#try(() => this.#connect(identity)),
      disconnect: () => this.#try(() => this.#disconnect()),
      toggleOffline: () => this.#line.setOffline(!this.#line.isOffline),
      cut: () => this.#line.cut(),
      node: (order) => this.#try(() => this.#node(order)),
      subscribe: (filter, qos) =>
        this.#try(async () => {
          const answer = await (await this.#opened()).subscribe([{ filter, qos }]);
          const code = answer.outcome === "failed" ? answer.reasonCode : answer.reasonCodes[0] ?? 0x80;
          this.#happened.add(code < 0x80 ? "Subscribed to " : `Refused with 0x${code.toString(16)}: `, foreign(filter));
        }),
      unsubscribe: (filter) =>
        this.#try(async () => {
          await (await this.#opened()).unsubscribe([filter]);
          this.#happened.add("Unsubscribed from ", foreign(filter));
        }),
      publish: (message) =>
        this.#try(async () => {
          const { stored, done } = (await this.#opened()).publish(message);
          await stored;
          if (message.qos !== 0) this.#happened.add("Stored: ", foreign(message.topic));
          this.#drawSoon();
          this.#happened.add(wordsOf(await done), foreign(message.topic));
        }),
      useToken: (token) => this.#broker.use(token),
    });
    this.#broker.follow(this.#identity.clientId);
    setInterval(() => this.#tick(), 1_000);
    globalThis.addEventListener("online", () => this.#line.hurry());
    if (wasConnected()) this.#try(() => this.#connect(this.#identity));
    this.#drawSoon();
  }

  async #connect(identity: Identity): Promise<void> {
    if (this.#session !== undefined && JSON.stringify(identity) !== JSON.stringify(this.#identity)) {
      const session = this.#session;
      this.#letGo();
      await session[Symbol.asyncDispose]();
    }
    this.#identity = identity;
    storeIdentity(identity);
    this.#want(true);
    this.#broker.follow(identity.clientId);
    this.#line.want(await this.#opened());
  }

  async #disconnect(): Promise<void> {
    this.#want(false);
    this.#line.release();
    await this.#session?.disconnect();
  }

  async #node(order: "kill" | "start"): Promise<void> {
    await this.#broker.node(order);
    if (order === "start") this.#line.hurry();
  }

  /** The session of this page, from IndexedDB the first time. */
  async #opened(): Promise<SessionClient> {
    this.#opening ??= openSession(this.#identity, {
      onMessage: ({ topic, payload, qos }) => {
        const text = new TextDecoder().decode(payload);
        this.#received.add(foreign(topic, "foreign topic"), foreign(text), element("small", {}, `QoS ${qos}`));
        say(byId("received-count", HTMLElement), String(++this.#receivedCount));
        announce({ "Received on": visible(topic) });
      },
      observe: (news) => this.#observe(news),
    });
    try {
      return this.#session = await this.#opening;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }

  #observe(news: ClientNews): void {
    switch (news.type) {
      case "accepted":
        this.#happened.add(news.sessionPresent ? "Connected: the session goes on" : "Connected: a new session");
        break;
      case "refused":
        this.#happened.add(`The broker refused with 0x${news.connack.reasonCode.toString(16)}`);
        break;
      case "messageLost":
        this.#happened.add(`Lost (${news.reason}): `, foreign(news.topic));
        break;
      case "takenOver":
        this.#want(false);
        this.#line.release();
        this.#letGo();
        this.#complain("Another page has this session now. Connect takes it back.");
        break;
      case "workFailed":
        this.#complain(news.error instanceof Error ? news.error.message : "The session could not go on.");
        break;
      default:
    }
    this.#drawSoon();
  }

  #want(isWanted: boolean): void {
    this.#isWanted = isWanted;
    storeConnected(isWanted);
  }

  #letGo(): void {
    this.#session = this.#opening = undefined;
  }

  #try(order: () => Promise<void>): void {
    this.#fault.hidden = true;
    order()
      .catch((error: unknown) => this.#complain(error instanceof Error ? error.message : String(error)))
      .finally(() => this.#drawSoon());
  }

  #complain(text: string): void {
    say(this.#fault, text);
    this.#fault.hidden = false;
  }

  #drawSoon(): void {
    this.#drawing ??= setTimeout(async () => {
      this.#drawing = undefined;
      const number = ++this.#draws;
      const look = await this.#session?.inspect().catch(() => undefined);
      // One that was begun later has seen more.
      if (number === this.#draws) this.#draw(look);
    }, TOGETHER_MS);
  }

  #draw(look: ClientInspection | undefined): void {
    const state = look === undefined || look.state === "closed" ? "offline" : look.state;
    const client = clientLook(look, {
      says: this.#clientSays(state),
      interval: this.#identity.sessionExpiryInterval,
    });
    this.#clientSide.show(client);
    const answer = this.#answer;
    const seen = answer !== undefined && "look" in answer ? answer.look : undefined;
    const stored = seen === undefined ? undefined : brokerLook(seen, Date.now());
    if (stored !== undefined) this.#brokerSide.show(stored);
    this.#controls.show({ client: state, isWanted: this.#isWanted, isOffline: this.#line.isOffline, answer });
    const node = seen?.node.status ?? "unknown";
    pill("client-pill", state, state);
    pill("node-pill", node, answer !== undefined && "says" in answer ? answer.says : node);
    say(byId("out-pill", HTMLElement), String(client.total));
    say(byId("in-pill", HTMLElement), stored === undefined ? "–" : String(stored.total));
    announce({
      "This page": state,
      "Node": node,
      "Session at the broker": stored?.state ?? "not known",
      "Messages to the broker": String(client.total),
    });
  }

  #clientSays(state: string): string {
    if (this.#line.isOffline) return "This page plays offline: what is published waits here.";
    if (state === "online") return `Connected as ${visible(this.#identity.clientId)}.`;
    if (this.#retryAt !== undefined) return "No connection: it is tried again.";
    return this.#isWanted ? "Connecting." : "Not connected: what is published waits here.";
  }

  #tick(): void {
    this.#clientSide.tick(Date.now());
    this.#brokerSide.tick(Date.now());
    if (document.visibilityState === "visible") this.#drawSoon();
  }
}

function wordsOf(outcome: PublishOutcome): string {
  switch (outcome.outcome) {
    case "sent":
      return "Sent: ";
    case "acknowledged":
      return outcome.reasonCode === 0x10 ? "The broker has it, and nobody wants it: " : "The broker has it: ";
    case "refused":
      return `Refused with 0x${outcome.reasonCode.toString(16)}: `;
    case "lost":
      return `Lost (${outcome.reason}): `;
    case "queueFull":
      return "The queue is full: ";
    case "takenOver":
      return "Another page goes on with it: ";
    default:
      return outcome satisfies never;
  }
}

function pill(id: string, state: string, text: string): void {
  const where = byId(id, HTMLElement);
  where.dataset["state"] = state;
  say(where, text);
}
