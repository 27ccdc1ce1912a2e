import type { SessionHead } from "../machine/snapshot.ts";
import type { Deadlines } from "./deadlines.ts";
import type { GroupContext } from "./groups/context.ts";
import type { Groups } from "./groups/groups.ts";
import type { Orphans } from "./orphans.ts";
import type { Outbox } from "./outbox.ts";
import type { Router } from "./publish.ts";
import type { Retention } from "./retention.ts";
import type { Quotas } from "./quota.ts";
import type { Sleepers } from "./sleepers.ts";
import type { Turns } from "./tasks.ts";

/** What the parts of one broker share. */
export interface BrokerContext extends GroupContext {
  readonly router: Router;
  readonly outbox: Outbox;
  /** Absent where nothing is retained. */
  readonly retention: Retention | undefined;
  /** The shared groups that sessions of this node are members of. */
  readonly groups: Groups;
  readonly deadlines: Deadlines;
  /** Connections that may sleep. */
  readonly sleepers: Sleepers | undefined;
  /** What principals may hold. */
  readonly quotas: Quotas;
  /** Acquires of one client, one after the other. */
  readonly acquires: Turns;
  /** Sessions that connections could not let go of. */
  readonly orphans: Orphans;
  /** The store will have something due at the times of this head. */
  readonly noteDue: (head: Pick<SessionHead, "endsAt" | "willDueAt">) => void;
  /** A session of this node may have news, or another owner: looks. It never rejects. */
  readonly lookAt: (clientId: string) => Promise<void>;
  /** The first of the local deadlines has changed. */
  readonly deadlineMoved: () => void;
  /** A connection has ended. */
  readonly connectionEnded: (connection: object) => void;
}
