/**
 * What can be seen of a client that keeps its session from its application's side. Its packets are seen on the wire, as
 * those of every client.
 *
 * @module
 */

/** What became of a message, as its publisher was told. */
export interface ToldOutcome {
  readonly outcome: "sent" | "acknowledged" | "refused" | "lost" | "queueFull" | "takenOver";
  readonly reasonCode?: number;
  readonly reason?: string;
}

/** One thing that was seen of a page. A client may have several pages, one after the other or at once. */
export type PageObservation =
  & { readonly at: number; readonly client: string; readonly tab: number }
  & (
    | { readonly type: "tabOpened" }
    /** It died where it stood, was closed in order, or heard that another one has the session. */
    | { readonly type: "tabEnded"; readonly how: "dead" | "closed" | "takenOver" }
    /** It is to connect over this connection, with a clean start or not. */
    | { readonly type: "dialed"; readonly connection: number; readonly clean: boolean }
    /** The application says good-bye, with an interval of its own or not. */
    | { readonly type: "disconnects"; readonly expiry?: number }
    /** The application publishes. */
    | {
      readonly type: "asked";
      readonly text: string;
      readonly topic: string;
      readonly qos: 0 | 1 | 2;
      readonly retain: boolean;
      /** Of the payload. */
      readonly bytes: number;
      /** Seconds. */
      readonly expiry?: number;
    }
    /** It was told that the message would survive the page. */
    | { readonly type: "stored"; readonly text: string }
    | { readonly type: "settled"; readonly text: string; readonly outcome: ToldOutcome }
    /** A message is lost; which one is not known where it was never known to be stored. */
    | { readonly type: "lost"; readonly text?: string; readonly reason: string }
    /** Something inside failed: what was in memory may count no more. */
    | { readonly type: "failed"; readonly work: string; readonly error: string }
    /** The application gets a message; QoS 1 and 2 have a key. */
    | {
      readonly type: "handed";
      readonly text: string;
      readonly topic: string;
      readonly qos: 0 | 1 | 2;
      readonly key?: string;
    }
    /** It has taken it. */
    | { readonly type: "taken"; readonly key: string }
    /** All has healed long ago. */
    | {
      readonly type: "atRest";
      readonly online: boolean;
      readonly outgoing: readonly string[];
      readonly unhandled: number;
    }
  );

/** What may be taken for granted of the pages of a world. */
export interface PageBounds {
  /** What a page decided is seen so late at most, in milliseconds; `undefined` where its store may fail. */
  readonly effectMs: number | undefined;
  /** Whether messages may count as sent that were stored without a connection. */
  readonly sendsAhead: boolean;
}
