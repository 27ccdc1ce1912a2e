import type { SessionDirectory } from "./directory.ts";
import type { SessionStore } from "./session_store.ts";

/** What of a {@linkcode SessionStore} a client asks that keeps its own session: every store is one. */
export interface ClientStore
  extends Pick<SessionStore, "capabilities" | "scope" | "acquire" | "read" | "commit" | "readQueue"> {
  /** Tells how much is stored. */
  readonly directory: Pick<SessionDirectory, "inspect">;
}
