/**
 * What a client has already, and may have no more: the subscriptions of a session that goes on, and the messages that wait
 * in its log.
 *
 * Here a host that cannot answer must cost nothing: no subscription ends and no message is dropped for it, but the
 * connection is closed, and the client asks again later.
 *
 * @module
 */
import type { SessionAcquired } from "../machine/event.ts";
import type { QueuedMessage } from "../mqtt/message.ts";
import type { QoS } from "../mqtt/qos.ts";
import type { Subscription } from "../mqtt/subscription.ts";
import type { Acquired } from "../store/session_store.ts";
import { innerFilterOf } from "./groups/names.ts";
import type { AuthorizeQuestion, ResolvedOptions } from "./options.ts";
import { askPermission } from "./permission.ts";

/** Who is asked about. */
export interface Entitled {
  readonly clientId: string;
  readonly principal: string | undefined;
}

/** What the client of a session that goes on may have no more; `undefined` where the host cannot tell, and that is told. */
export async function entitlementOf(
  options: ResolvedOptions,
  entitled: Entitled,
  { snapshot, queue }: Pick<Acquired, "snapshot" | "queue">,
): Promise<Pick<SessionAcquired, "revoked" | "withheld"> | undefined> {
  try {
    const [revoked, withheld] = await Promise.all([
      revokedFilters(options, entitled, snapshot.subscriptions),
      withheldMessages(options, entitled, queue.messages),
    ]);
    return { revoked, withheld };
  } catch (error) {
    options.observe({ type: "workFailed", work: "callback", clientId: entitled.clientId, error });
    return undefined;
  }
}

/** The filters that its client may have no more. Rejects as the host does. */
async function revokedFilters(
  options: ResolvedOptions,
  entitled: Entitled,
  subscriptions: ReadonlyMap<string, Subscription>,
): Promise<readonly string[]> {
  if (options.authorize === undefined || !options.reauthorizeOnResume) return [];
  const asks = [...subscriptions].map(([filter, { qos }]) =>
    ({ action: "subscribe", topic: innerFilterOf(filter), qos, filter }) as const
  );
  return (await refused(options, entitled, asks)).map(({ filter }) => filter);
}

/**
 * The sequences of messages that the client may not have: at once where the host answers at once. Throws and rejects as the
 * host does.
 */
export function withheldMessages(
  options: ResolvedOptions,
  entitled: Entitled,
  messages: readonly QueuedMessage[],
): readonly number[] | Promise<readonly number[]> {
  if (!isAskedPerMessage(options) || messages.length === 0) return [];
  const asks = messages.map(({ topic, qos, sequence }) => ({ action: "deliver", topic, qos, sequence } as const));
  const found = refused(options, entitled, asks);
  if (found instanceof Promise) return found.then((each) => each.map(({ sequence }) => sequence));
  return found.map(({ sequence }) => sequence);
}

/** Whether a message that is not in its log may go to the client. Throws and rejects as the host does. */
export function mayDeliver(
  options: ResolvedOptions,
  entitled: Entitled,
  { topic, qos }: { readonly topic: string; readonly qos: QoS },
): boolean | Promise<boolean> {
  return !isAskedPerMessage(options) || ask(options, entitled, { action: "deliver", topic, qos });
}

function isAskedPerMessage({ authorize, authorizeDeliveries }: ResolvedOptions): boolean {
  return authorize !== undefined && authorizeDeliveries;
}

/** A question without the one who asks. */
interface Ask extends Pick<AuthorizeQuestion, "action" | "topic"> {
  readonly qos: QoS;
}

/** Those that the host refuses, in order. */
function refused<Asked extends Ask>(
  options: ResolvedOptions,
  entitled: Entitled,
  asks: readonly Asked[],
): readonly Asked[] | Promise<readonly Asked[]> {
  const verdicts = asks.map((each) => ask(options, entitled, each));
  const refusedOf = (all: readonly boolean[]) => asks.filter((_, index) => all[index] !== true);
  if (verdicts.every((verdict) => typeof verdict === "boolean")) return refusedOf(verdicts);
  return Promise.all(verdicts).then(refusedOf);
}

function ask(
  options: ResolvedOptions,
  { clientId, principal }: Entitled,
  { action, topic, qos }: Ask,
): boolean | Promise<boolean> {
  return askPermission(options, {
    clientId,
    ...(principal === undefined ? {} : { principal }),
    action,
    topic,
    qos,
  });
}
