import type { CommitLane } from "../../runtime/lane.ts";
import type { Tasks } from "../../runtime/tasks.ts";
import type { AedesLease } from "./lease.ts";
import type { ResolvedAedesOptions } from "./options.ts";

/** What the parts of one persistence share. */
export interface AedesContext {
  readonly options: ResolvedAedesOptions;
  /** The one way out to the store. */
  readonly lane: CommitLane;
  /** Work that runs by itself. */
  readonly tasks: Tasks;
  readonly lease: AedesLease;
  /** Connections that have ended. */
  readonly past: WeakSet<object>;
  /** Whether somebody is a connection of the broker, and not a program. */
  isConnection(client: object): boolean;
  /** A session has ended here: its rows can go, and what it `owes` is to be delivered. */
  ended(clientId: string, incarnation: string, owes: boolean, at: number): void;
  /** Works an outbox off. It never rejects: what fails is found again when it is due. */
  workOff(outboxId: string): Promise<void>;
}
