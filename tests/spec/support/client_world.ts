/**
 * What of a client outlives it: the session as it is stored, its log, and the inbox of the application. Nothing here
 * decides what is right; a commit is carried out as the changes say.
 */
import { ok } from "node:assert/strict";
import {
  applyChanges,
  type ClientStepResult,
  decideAcquire,
  type Message,
  type QueuedMessage,
  type SessionHead,
  type SessionSnapshot,
} from "../../../src/machine/mod.ts";
import { clientAcquireTerms } from "../../../src/machine/mod.ts";
import type { AcquiredClientSession } from "../../../src/machine/mod.ts";
import { text } from "./rig.ts";

/** One of the changes of a client's step. */
export type ClientChange = ClientStepResult["changes"][number];

/** A message that the application was given for good. */
export interface Received {
  readonly message: Message;
  readonly subscriptionIdentifiers: readonly number[];
}

/** The store of one client. */
export class ClientWorld {
  readonly clientId: string;
  /** The session as it is stored; absent before the first acquire. */
  stored: SessionSnapshot | undefined;
  /** By sequence, rising. */
  readonly log = new Map<number, QueuedMessage>();
  /** The highest sequence of the log. */
  tail = 0;
  /** All that has ever entered it, in order. */
  readonly appended: QueuedMessage[] = [];
  /** What the application got at QoS 1 and 2, in order. */
  readonly inbox: Received[] = [];
  #incarnations = 0;

  constructor(clientId: string) {
    this.clientId = clientId;
  }

  /** Gives the session out, as a store does: to whoever asks, an owner that was not seen leaving included. */
  acquire(now: number): AcquiredClientSession {
    const terms = clientAcquireTerms(this.clientId, this.stored?.head);
    const { head, startedThrough, resumed } = decideAcquire(
      this.stored === undefined ? undefined : { head: this.stored.head, hasWill: false },
      terms,
      now,
    );
    ok(resumed === (this.stored !== undefined), "a client's session never ends in its store");
    this.stored = {
      ...(this.stored ?? {
        clientId: this.clientId,
        incarnation: `i${++this.#incarnations}`,
        subscriptions: new Map(),
        outbound: new Map(),
        quarantine: new Set<number>(),
        inbound: new Set<number>(),
      }),
      head,
    };
    return { snapshot: this.stored, startedThrough, tail: this.tail };
  }

  /** The owner lets go of it. */
  release(head: SessionHead): void {
    if (this.stored !== undefined) this.stored = { ...this.stored, head };
  }

  /** Makes changes durable; answers what entered the log. */
  commit(changes: readonly ClientChange[]): readonly QueuedMessage[] {
    ok(this.stored !== undefined, "nothing is committed before the acquire");
    const after = applyChanges(this.stored, changes);
    ok(after !== undefined, "a client's session never ends in its store");
    this.stored = after;
    const appended: QueuedMessage[] = [];
    for (const change of changes) {
      if (change.type === "deleteQueued") {
        ok(this.log.delete(change.sequence), `entry ${change.sequence} was deleted, it is not in the log`);
      }
      if (change.type !== "publishMessage") continue;
      const { message, to, subscriptionIdentifiers = [] } = change;
      ok(to !== undefined, "a client says where a message goes");
      if (to === "inbox") this.inbox.push({ message, subscriptionIdentifiers });
      else appended.push({ ...message, subscriptionIdentifiers: [], sequence: ++this.tail });
    }
    for (const entry of appended) this.log.set(entry.sequence, entry);
    this.appended.push(...appended);
    return appended;
  }

  /** As if so many messages of QoS 1 had been published and never sent. */
  fill(messages: number): void {
    const plain = { topic: "t", payload: text("m"), qos: 1, retain: false, properties: {}, publisher: "" } as const;
    for (let left = messages; left > 0; left--) {
      this.tail += 1;
      this.log.set(this.tail, { ...plain, publishedAt: 0, subscriptionIdentifiers: [], sequence: this.tail });
    }
  }

  /** A page of the log. */
  page(after: number, messages: number, bytes: number): { messages: readonly QueuedMessage[]; through: number } {
    const page: QueuedMessage[] = [];
    let size = 0;
    for (const entry of this.log.values()) {
      if (entry.sequence <= after) continue;
      if (page.length === messages || (page.length > 0 && size + entry.payload.length > bytes)) {
        return { messages: page, through: page.at(-1)?.sequence ?? after };
      }
      page.push(entry);
      size += entry.payload.length;
    }
    return { messages: page, through: this.tail };
  }
}
