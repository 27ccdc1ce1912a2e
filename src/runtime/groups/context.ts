import type { CommitLane } from "../lane.ts";
import type { LocalSessions } from "../local_sessions.ts";
import type { Lease } from "../node_lease.ts";
import type { ResolvedOptions } from "../options.ts";
import type { Tasks } from "../tasks.ts";

/** What shared groups need of their broker. */
export interface GroupContext {
  readonly options: ResolvedOptions;
  /** This run of this node. */
  readonly nodeId: string;
  readonly sessions: LocalSessions;
  readonly lane: CommitLane;
  readonly lease: Lease;
  readonly tasks: Tasks;
  /** Wakes a member of a group that sleeps; absent where nobody does. */
  readonly sleepers: { rouse(name: string): void } | undefined;
}
