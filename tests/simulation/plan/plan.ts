/**
 * What is to happen in a run, as plain data: drawn from a seed, and made smaller when something is found.
 *
 * @module
 */
import type { Fault } from "../../../src/testing/mod.ts";
import type { ProofPlan } from "./authentication.ts";
import type { PageAction, PageFaultPlan, PagePlan } from "./pages.ts";

/** The levels of MQTT. */
export type Level = 0 | 1 | 2;

/** Where sessions live. */
export interface StorePlan {
  /** `memory`, or the key-value store over an ordered map. */
  readonly kind: "memory" | "keyValue";
  /** For `keyValue`: the limits of the driver. */
  readonly limits: "none" | "denoKv" | "tight";
  /** The most receivers of one commit; absent is what the store can. */
  readonly maxReceivers?: number;
  /** Deliveries follow from the outbox only, as in a cluster. */
  readonly delivery: "commit" | "outbox";
  /** Whether a node hears of others by itself, or polls. */
  readonly watch: boolean;
  /** A call takes between these, each way, in milliseconds. */
  readonly latencyMs: readonly [number, number];
  /** The client whose log begins just before its Packet Identifiers wrap. */
  readonly wraps?: number;
}

/** One broker node. */
export interface NodePlan {
  /** How far its clock is from the time of the world, in milliseconds. */
  readonly clockMs: number;
  /** Wakes itself, or is woken every so many milliseconds by somebody else. */
  readonly wokenEveryMs?: number;
}

/** How messages of some topics wait: the first rule that matches holds. */
export interface RulePlan {
  readonly filter: string;
  readonly keepLast?: boolean;
  readonly maximumMessages?: number;
  readonly whenFull?: "dropOldest" | "dropNewest";
  readonly priority?: number;
  /** Whether QoS 0 waits for who is away, and whether a copy has the level of its subscription. */
  readonly queueQos0?: boolean;
  readonly upgradeQoS?: boolean;
}

/** How much the sessions of one principal may hold for a new one to begin. */
export interface QuotaPlan {
  readonly sessions?: number;
  readonly queuedBytes?: number;
}

/** How the broker of all nodes is set up. */
export interface BrokerPlan {
  readonly leaseMs: number;
  readonly queueMessages: number;
  readonly whenFull: "dropOldest" | "dropNewest" | "reject";
  readonly queueQos0: boolean;
  readonly sendAhead: number;
  readonly pageMessages: number;
  readonly maximumInFlight: number;
  readonly receiveMaximum: number;
  /** The longest Session Expiry Interval, in seconds. */
  readonly maximumSessionExpiryInterval: number;
  /** The largest packet that is taken, and the highest level; absent is what the broker does by itself. */
  readonly maximumPacketSize?: number;
  readonly maximumQoS?: Level;
  /** How messages of some topics wait; absent for none. */
  readonly rules?: readonly RulePlan[];
  /** Whether there is a store for retained messages. */
  readonly retains?: boolean;
  /** What becomes of what a member of a group never started, once its session ends; absent is what the broker does. */
  readonly sharedNeverStarted?: "redispatchQoS1" | "drop";
  /** How much the sessions of one principal may hold; absent for any number. */
  readonly quota?: QuotaPlan;
  /** A verdict of the host takes between these, in milliseconds; absent gives it at once. */
  readonly verdictMs?: readonly [number, number];
}

/** Nobody may publish or subscribe to what begins so. */
export const FORBIDDEN = "no/";

/** A filter that a client wants. */
export interface FilterPlan {
  readonly filter: string;
  readonly qos: Level;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** Absent is 0. */
  readonly retainHandling?: 0 | 1 | 2;
  readonly identifier?: number;
}

/** One client. */
export interface ClientPlan {
  readonly version: 4 | 5;
  readonly keepAlive: number;
  /** Seconds; 5.0. */
  readonly sessionExpiryInterval: number;
  readonly receiveMaximum?: number;
  readonly maximumPacketSize?: number;
  /** Names topics by Topic Alias where the server takes them. */
  readonly usesAliases: boolean;
  readonly filters: readonly FilterPlan[];
  readonly will?: {
    readonly topic: string;
    readonly qos: Level;
    readonly delay: number;
  };
  /** Answers after so long instead of at once. */
  readonly answersAfterMs: number;
  /** Where its own Packet Identifiers begin. */
  readonly firstPacketId: number;
  /** Breaks the protocol when told to; others are only told to do what they may. */
  readonly isRude: boolean;
  /** Whether it is there when all has healed. */
  readonly returns: boolean;
  /** Whom its session belongs to; absent for nobody. */
  readonly principal?: string;
  /** How it proves who it is; absent where nobody asks. */
  readonly proof?: ProofPlan;
  /** It is made of this package, over a store of its own. */
  readonly page?: PagePlan;
}

/** What breaks the protocol, or comes close. */
export const RUDENESS = [
  "unknownPuback",
  "unknownPubrec",
  "unknownPubrel",
  "unknownPubcomp",
  "secondConnect",
  "emptyTopic",
  "wildcardTopic",
  "badFilter",
  "floods",
  "unknownAlias",
  "subscribesWithZero",
  "raisesExpiry",
  "reusesIdentifier",
  "refusesMessage",
  "neverAnswers",
] as const;

/** Something that happens at its time. */
export type Action =
  & {
    /** Milliseconds after the start. */
    readonly at: number;
  }
  & (
    | {
      readonly do: "connect";
      readonly client: number;
      readonly node: number;
      readonly clean: boolean;
      /** Replaces the client's own interval, in seconds. */
      readonly expiry?: number;
      readonly will: boolean;
      /** What becomes of a connection that it still has: closed, cut without a word, or kept by a second device. */
      readonly old: "close" | "vanish" | "keep";
      /** Arrives in the very millisecond in which the session ends, or so far from it. */
      readonly atExpiry?: number;
    }
    | {
      readonly do: "disconnect";
      readonly client: number;
      /** 0x00, or 0x04 with the Will. */
      readonly reasonCode: 0 | 4;
      /** Leaves it to the server to close. */
      readonly waits: boolean;
      readonly expiry?: number;
    }
    | { readonly do: "cut"; readonly client: number; readonly silent: boolean }
    | {
      readonly do: "publish";
      readonly client: number;
      readonly topic: string;
      readonly qos: Level;
      readonly expiry?: number;
      readonly retain?: boolean;
      /** Its payload is empty: what is retained goes. */
      readonly removes?: boolean;
      readonly times: number;
      /** Bytes that the payload is longer. */
      readonly padding: number;
      /** By the second device of the client, while it has one. */
      readonly second?: boolean;
    }
    | { readonly do: "subscribe"; readonly client: number; readonly filter: FilterPlan }
    | { readonly do: "unsubscribe"; readonly client: number; readonly filter: string }
    /** Asks for what no server may grant: a shared subscription with No Local. */
    | { readonly do: "sharesNoLocal"; readonly client: number }
    | { readonly do: "ping"; readonly client: number }
    /** Proves once more who it is. */
    | { readonly do: "reauthenticate"; readonly client: number }
    | { readonly do: "holdAnswers"; readonly client: number; readonly ms: number }
    | { readonly do: "stopReading"; readonly client: number; readonly ms: number }
    | { readonly do: "rude"; readonly client: number; readonly how: (typeof RUDENESS)[number] }
    | { readonly do: "crash"; readonly node: number; readonly forMs: number }
    | { readonly do: "shutdown"; readonly node: number; readonly forMs: number }
    | { readonly do: "clock"; readonly node: number; readonly byMs: number }
    | { readonly do: "runDue"; readonly node: number }
    | { readonly do: "end"; readonly client: number; readonly node: number }
    /** Somebody looks at all sessions. */
    | { readonly do: "inspect" }
    | { readonly do: "hostPublish"; readonly node: number; readonly topic: string; readonly qos: Level }
    | PageAction
  );

/** What goes wrong with the so-manyth call of a node, of one name or of any. */
export interface FaultPlan {
  readonly node: number;
  readonly call?: string;
  readonly nth: number;
  /** `crashBefore`, `crashAfter`: the node dies while the call is under way. */
  readonly fault: Fault | "crashBefore" | "crashAfter";
  /** For late ones, and for how long a node stays away. */
  readonly ms: number;
}

/** A run. */
export interface Plan {
  readonly seed: number;
  /** Whom it is judged by; absent is the oracle of sessions. */
  readonly judged?: "retained";
  readonly store: StorePlan;
  readonly broker: BrokerPlan;
  readonly nodes: readonly NodePlan[];
  readonly clients: readonly ClientPlan[];
  /** A packet takes between these, in milliseconds. */
  readonly networkMs: readonly [number, number];
  /** Packets cross as bytes, cut anywhere. */
  readonly bytes: boolean;
  readonly actions: readonly Action[];
  readonly faults: readonly FaultPlan[];
  readonly pageFaults?: readonly PageFaultPlan[];
  /** How long things go on before all heals, in milliseconds. */
  readonly lengthMs: number;
}
