/**
 * How copies of a message wait in a log, by rules that no store knows. It concerns what waits alone: entries above the
 * `sentLimit` of the receiver's head. A started one neither counts here nor gives way, and no copy displaces one of a higher
 * priority, nor a copy at QoS 0 one of another level.
 */
export interface WaitingTerms {
  /**
   * A place for one copy: those of the same slot that wait give way to this one, counted as `replaced`. At most 1 024
   * UTF-16 units.
   */
  readonly slot?: string;
  /** What waits in a log under this name keeps to bounds of its own, apart from those of the log. */
  readonly group?: WaitingGroup;
  /** What gives way first at a limit: lower ones before higher ones, 0 to 9; 0 when absent. It never changes the order. */
  readonly priority?: number;
}

/** The bounds of what waits in one log under a name. Where it is not what gives way, counted as `filterFullNewest`. */
export interface WaitingGroup {
  /** The same name stands for the same group, whatever bounds come with it. At most 1 024 UTF-16 units. */
  readonly name: string;
  /** The most messages of it that wait. */
  readonly maximumMessages: number;
  /** The most bytes of `messageBytes` of it that wait. */
  readonly maximumBytes: number;
  /** `dropOldest`: the oldest of the group, counted as `filterFullOldest`. `dropNewest`: what comes. */
  readonly whenFull: "dropOldest" | "dropNewest";
}

/** What a log keeps of the terms of a message: the bounds of a group come with each new copy. */
export interface LoggedTerms extends Omit<WaitingTerms, "group"> {
  /** The group, without bounds. */
  readonly group?: { readonly name: string };
}
