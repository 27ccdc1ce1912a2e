/**
 * Takes a client's session and its inbox from the store.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import { clientAcquireTerms } from "../../machine/client_session.ts";
import type { SessionHead } from "../../machine/snapshot.ts";
import type { Acquired, SessionStore, SessionSummary } from "../../store/session_store.ts";
import type { BrokerEnvironment } from "../environment.ts";
import type { Observe } from "../observe.ts";
import type { CommitOptions } from "../options.ts";
import { persistently } from "../within.ts";

/** The session of what came in: no Client Identifier holds U+0000, so it is nobody else's. */
export function inboxOf(clientId: string): string {
  return `${clientId}\u0000inbox`;
}

/** What opening works with. */
export interface OpeningOptions {
  readonly store: SessionStore;
  readonly environment: BrokerEnvironment;
  readonly commit: CommitOptions;
  readonly observe: Observe;
  /** How much of each log comes along. */
  readonly page: { readonly messages: number; readonly bytes: number };
}

/** A session that is this page's, and its inbox. */
export interface OpenedClient {
  readonly acquired: Acquired;
  readonly inbox: Acquired;
  /** What the log holds. */
  readonly summary: SessionSummary | undefined;
}

/** Takes both. Whoever had them is superseded. */
export async function openClient(options: OpeningOptions, clientId: string): Promise<OpenedClient> {
  const { store, environment, commit, observe } = options;
  const ask = <Value>(what: string, call: (signal: AbortSignal) => Promise<Value>): Promise<Value> =>
    persistently(environment, commit, what, call, observe);
  const acquire = async (id: string): Promise<Acquired> => {
    // Between the look and the taking another page may have taken it, connected, and lost it: its head counts, then.
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const stored = await ask("read a session", (signal) => store.read(id, { signal }));
      const token = environment.randomId();
      const nodeId = `client-${environment.randomId()}`;
      const answer = await ask("acquire a session", (signal) =>
        store.acquire({
          terms: clientAcquireTerms(id, stored?.snapshot.head),
          token,
          nodeId,
          incarnation: environment.randomId(),
          whenOwned: "take",
          page: options.page,
          now: environment.now(),
        }, { signal }));
      if (answer.outcome === "refused") {
        if (answer.reason === "stale") continue;
        throw new SessionError("CLOSED", `Cannot open a session: the store refused it as ${answer.reason}`);
      }
      if (isNext(answer, stored?.guard.epoch) && !wasEnded(answer, stored?.snapshot.head)) return answer;
    }
    throw new SessionError("CLOSED", "Cannot open a session: other pages take it again and again");
  };
  const acquired = await acquire(clientId);
  const inbox = await acquire(inboxOf(clientId));
  const summary = await ask("look at a session", (signal) => store.directory.inspect(clientId, { signal }));
  return { acquired, inbox, summary };
}

/** How often other pages may come in between. */
const ATTEMPTS = 8;

function isNext({ resumed, guard }: Acquired, epoch: number | undefined): boolean {
  return resumed ? epoch !== undefined && guard.epoch === epoch + 1 : epoch === undefined;
}

/** A head that was read belongs to a session that is not the one that was got. */
function wasEnded({ resumed }: Acquired, head: SessionHead | undefined): boolean {
  return !resumed && head !== undefined;
}
