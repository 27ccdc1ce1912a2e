/**
 * What a store promises, as data. A false claim fails the conformance suite; a missing one is refused at construction.
 */
export interface StoreCapabilities {
  /** `strict`: a superseded owner can change nothing. `none`: two owners may overwrite each other. */
  readonly fencing: "strict" | "none";
  /** What a committed write outlives: the loss of the process, of the host's processes, of power, or of a machine. */
  readonly durability: "process" | "host" | "power" | "replicated";
  /** Whether a read sees every earlier write. */
  readonly consistency: "strong" | "eventual";
  /** `exact`: expired rows are never read. `lazy`: they may be, for a while. `none`: only a sweep removes them. */
  readonly ttl: "exact" | "lazy" | "none";
  /**
   * How a node hears of news from others: told at once wherever they are (`everywhere`), told at once of those in its own
   * `process` while of the rest it must poll `readRings`, or only by polling (`none`).
   */
  readonly watch: "process" | "everywhere" | "none";
  /** The largest message that can be stored, in bytes of `messageBytes`. */
  readonly maxMessageBytes: number;
  /** The most changes that one batch may hold; a caller splits a longer list at subscription changes. */
  readonly maxChangesPerBatch: number;
  /**
   * Where a delivery stands once its batch is committed. `commit`: in the logs of its receivers, as far as
   * `maxReceiversPerCommit` reaches. `outbox`: in the publisher's outbox, whoever it goes to; steps of the outbox reach them,
   * and no batch is refused since queues are full.
   */
  readonly delivery: "commit" | "outbox";
  /** The most receivers that one commit, or one step of an outbox, reaches; the others stand in the outbox. */
  readonly maxReceiversPerCommit: number;
  /** Whether one commit can move entries from one log into others: what shared groups need. */
  readonly claims: boolean;
  /** `exact`: an acquire counts the sessions of its principal in the step that begins one. Absent: nobody counts them. */
  readonly sessionQuota?: "exact";
}

/** What a caller needs of a store; absent members are not asked for. */
export interface StoreRequirements {
  /** The fencing it must have. */
  readonly fencing?: StoreCapabilities["fencing"];
  /** What a committed write must outlive, at least. */
  readonly durability?: StoreCapabilities["durability"];
  /** The consistency it must have. */
  readonly consistency?: StoreCapabilities["consistency"];
}
