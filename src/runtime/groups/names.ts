/**
 * How a shared group is kept: as a session under a name that no client can have, with its members and the nodes on which
 * some are connected among its subscriptions. Those begin with `$share/`, so no topic matches them.
 */
import { parseFilter } from "../../mqtt/filter.ts";
import type { SessionSnapshot } from "../../machine/snapshot.ts";
import type { Subscription } from "../../mqtt/subscription.ts";

/** No Client Identifier holds U+0000. */
const MARK = "\u0000";
const MEMBER = "$share/member/";
const NODE = "$share/node/";

/** The name of the group of a shared filter. */
export function groupOf(filter: string): string {
  return MARK + filter;
}

/** The shared filter of a group; `undefined` for a client. */
export function filterOf(name: string): string | undefined {
  return name.startsWith(`${MARK}$share/`) ? name.slice(MARK.length) : undefined;
}

/** The filter that topics are matched against. */
export function innerFilterOf(filter: string): string {
  return parseFilter(filter)?.filter ?? filter;
}

/** A session that belongs to a group. */
export interface GroupMember {
  /** The Client Identifier. */
  readonly clientId: string;
  /** Which session of it. */
  readonly incarnation: string;
}

/** The row of a member. */
export function memberRow({ clientId, incarnation }: GroupMember): string {
  return `${MEMBER}${encodeURIComponent(clientId)}/${encodeURIComponent(incarnation)}`;
}

/** The row of a node. */
export function nodeRow(nodeId: string): string {
  return NODE + encodeURIComponent(nodeId);
}

/** What a row holds: of a node how many of its members are connected, from 1 on. */
export function rowOptions(count?: number): Subscription {
  const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 2 } as const;
  return count === undefined ? options : { ...options, subscriptionIdentifier: count };
}

/** What the group itself asks of a publisher: every message as it is. What a member gets is decided when it claims. */
export const WHOLE: Subscription = { qos: 2, noLocal: false, retainAsPublished: true, retainHandling: 2 };

/** The members of a group. */
export function membersOf({ subscriptions }: SessionSnapshot): GroupMember[] {
  return [...subscriptions.keys()].flatMap((row) => {
    if (!row.startsWith(MEMBER)) return [];
    const [clientId = "", incarnation = ""] = row.slice(MEMBER.length).split("/").map(decodeURIComponent);
    return [{ clientId, incarnation }];
  });
}

/** Node → how many of its members are connected, in an order that is the same everywhere. */
export function nodesOf({ subscriptions }: SessionSnapshot): Map<string, number> {
  const rows = [...subscriptions].filter(([row]) => row.startsWith(NODE)).sort(([a], [b]) => a < b ? -1 : 1);
  return new Map(
    rows.map(([row, { subscriptionIdentifier = 1 }]) => [
      decodeURIComponent(row.slice(NODE.length)),
      subscriptionIdentifier,
    ]),
  );
}
