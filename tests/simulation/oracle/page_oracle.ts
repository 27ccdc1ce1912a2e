/**
 * The oracle of our clients: watches a client from both its sides, the wire and the application, and says which of its
 * promises were broken. It is told what was seen and nothing else, and speaks only when it is certain.
 *
 * @module
 */
import type { Observation, Violation, WirePacket } from "./observation.ts";
import type { PageBounds, PageObservation } from "./page_observation.ts";
import {
  judgePageAtRest,
  messageAsked,
  messageHanded,
  messageLost,
  messageSettled,
  publishGot,
} from "./page_promises.ts";
import { connackGot, goodByeAsked, pageClosed, pageSuperseded, sessionLost } from "./page_session.ts";
import { type PageConnection, PageKnowledge, PageState } from "./page_state.ts";
import { answerGot, judgeKeepAlive, pageSent } from "./page_wire.ts";

/** Watches pages, and collects what it finds. */
export class PageOracle {
  readonly #knowledge: PageKnowledge;

  constructor(bounds: PageBounds) {
    this.#knowledge = new PageKnowledge(bounds);
  }

  /** What was found so far. */
  get violations(): readonly Violation[] {
    return this.#knowledge.violations;
  }

  /** Takes in what was seen, of the wire or of a page. Clients that are no pages are left out. */
  see(observation: Observation | PageObservation): void {
    const knowledge = this.#knowledge;
    knowledge.seq++;
    knowledge.at = Math.max(knowledge.at, observation.at);
    if ("tab" in observation) return seen(knowledge, observation);
    switch (observation.type) {
      case "opened": {
        const page = knowledge.pages.get(observation.client);
        if (page !== undefined) open(knowledge, page, observation.connection);
        return;
      }
      case "sent": {
        const connection = knowledge.connections.get(observation.connection);
        if (connection !== undefined) pageSent(knowledge, connection, observation.packet);
        return;
      }
      case "received": {
        const connection = knowledge.connections.get(observation.connection);
        if (connection !== undefined) received(knowledge, connection, observation.packet);
        return;
      }
      case "closed": {
        const connection = knowledge.connections.get(observation.connection);
        if (connection === undefined) return;
        judgeKeepAlive(knowledge, connection, connection.lastSentAt, connection.keepAliveMs);
        return pageClosed(knowledge, connection);
      }
      default:
        return;
    }
  }

  /** All faults are healed, and every page is at rest. */
  finish(at: number): void {
    const knowledge = this.#knowledge;
    knowledge.seq++;
    knowledge.at = Math.max(knowledge.at, at);
    for (const page of knowledge.pages.values()) judgePageAtRest(knowledge, page);
  }
}

function open(knowledge: PageKnowledge, page: PageState, number: number): void {
  const connection: PageConnection = {
    number,
    page,
    tab: 0,
    asksClean: false,
    connect: undefined,
    connectSeq: Infinity,
    connack: undefined,
    connackSeq: Infinity,
    connackAt: Infinity,
    isConfirmed: false,
    interval: 0,
    closedSeq: Infinity,
    closedAt: Infinity,
    isDisconnected: false,
    hasGoneOn: false,
    lastSentAt: knowledge.at,
    keepAliveMs: 0,
    inFlight: new Set(),
    requests: new Set(),
    sent: new Set(),
    lastIndex: new Map(),
    lastRelease: 0,
    unanswered: { 1: [], 2: [] },
    texts: new Map(),
    releases: new Set(),
    places: 0,
    lastPlace: { 1: 0, 2: 0 },
  };
  knowledge.connections.set(number, connection);
  page.connections.push(connection);
}

function received(knowledge: PageKnowledge, connection: PageConnection, packet: WirePacket): void {
  switch (packet.type) {
    case "connack":
      return connackGot(knowledge, connection, packet);
    case "publish":
      return publishGot(knowledge, connection, packet);
    case "puback":
    case "pubrec":
    case "pubcomp":
      return answerGot(connection, packet);
    case "disconnect":
      connection.closedAt = Math.min(connection.closedAt, knowledge.at);
      if (connection.interval === 0) sessionLost(knowledge, connection);
      return;
    case "pubrel":
      connection.releases.add(packet.packetId);
      return;
    case "suback":
    case "unsuback":
      connection.requests.delete(packet.packetId);
      return;
    default:
      return;
  }
}

function seen(knowledge: PageKnowledge, observation: PageObservation): void {
  const { client, tab } = observation;
  let page = knowledge.pages.get(client);
  if (page === undefined) {
    page = new PageState(client);
    knowledge.pages.set(client, page);
  }
  switch (observation.type) {
    case "tabOpened":
      page.tabs.set(tab, { openedAt: knowledge.at, how: undefined, endedAt: Infinity, failedSeq: -1 });
      return;
    case "tabEnded": {
      const own = page.tabs.get(tab);
      if (own === undefined) return;
      own.how = observation.how;
      own.endedAt = knowledge.at;
      if (observation.how === "takenOver") pageSuperseded(page, tab);
      return;
    }
    case "failed": {
      const own = page.tabs.get(tab);
      if (own !== undefined && observation.work === "session") own.failedSeq = knowledge.seq;
      return;
    }
    case "dialed": {
      const connection = knowledge.connections.get(observation.connection);
      if (connection === undefined) return;
      connection.tab = tab;
      connection.asksClean = observation.clean;
      // What it forgets it tells before CONNECT leaves.
      if (observation.clean) sessionLost(knowledge, connection);
      return;
    }
    case "disconnects":
      return goodByeAsked(knowledge, page, tab, observation.expiry);
    case "asked":
      return messageAsked(knowledge, page, observation);
    case "stored": {
      const message = page.messages.get(observation.text);
      if (message !== undefined) message.isStored = true;
      return;
    }
    case "settled": {
      const message = page.messages.get(observation.text);
      return message && messageSettled(knowledge, page, message, observation.outcome);
    }
    case "lost": {
      const message = observation.text === undefined ? undefined : page.messages.get(observation.text);
      return message && messageLost(knowledge, page, message, observation.reason);
    }
    case "handed":
      return messageHanded(knowledge, page, observation);
    case "taken": {
      const handed = page.handed.get(observation.key);
      if (handed !== undefined) Object.assign(handed, { takenBy: tab, takenAt: knowledge.at });
      return;
    }
    case "atRest":
      page.rest = observation;
      return;
    default:
      return observation satisfies never;
  }
}
