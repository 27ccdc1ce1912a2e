/** The loaded part of the log: messages wait here, in order, until they are sent. */
import type { QueuedMessage } from "../../mqtt/message.ts";
import type { ServerLimits } from "../policy.ts";
import type { Output } from "../output.ts";
import type { ConnectionState } from "../state/connection.ts";

/** Takes a page of the log, or entries that were just appended, into the connection. */
export function takePage(
  connection: ConnectionState,
  messages: readonly QueuedMessage[],
  through: number,
  withheld: readonly number[] = [],
): void {
  for (const sequence of withheld) if (sequence > connection.cursor) connection.withheld.add(sequence);
  for (const message of messages) {
    if (message.sequence <= connection.cursor || connection.purged.has(message.sequence)) continue;
    connection.page.push(message);
    connection.pageBytes += message.payload.length;
    if (message.qos === 0) connection.pageQos0 += 1;
  }
  if (through > connection.cursor) connection.cursor = through;
  for (const sequence of connection.purged.members) if (sequence <= through) connection.purged.delete(sequence);
  if (connection.cursor > connection.tail) connection.tail = connection.cursor;
}

/** Whether the page may grow by what was just appended; what finds no room is read later. */
export function hasRoom(connection: ConnectionState, limits: ServerLimits): boolean {
  return waiting(connection) < limits.pageMessages && connection.pageBytes < limits.pageBytes;
}

/** How many messages wait. */
export function waiting(connection: ConnectionState): number {
  return connection.page.length - connection.pageStart;
}

/** Takes the first waiting message out. */
export function leavePage(connection: ConnectionState, message: QueuedMessage): void {
  connection.pageStart += 1;
  connection.pageBytes -= message.payload.length;
  if (message.qos === 0) connection.pageQos0 -= 1;
  if (connection.pageStart === connection.page.length) {
    connection.page = [];
    connection.pageStart = 0;
  } else if (connection.pageStart >= 64 && connection.pageStart * 2 > connection.page.length) {
    connection.page = connection.page.slice(connection.pageStart);
    connection.pageStart = 0;
  }
}

/** Takes some of those that wait out, wherever they stand. */
export function leavePageEarly(connection: ConnectionState, isGone: (message: QueuedMessage) => boolean): void {
  connection.page = connection.page.slice(connection.pageStart).filter((message) => {
    if (!isGone(message)) return true;
    connection.pageBytes -= message.payload.length;
    if (message.qos === 0) connection.pageQos0 -= 1;
    return false;
  });
  connection.pageStart = 0;
}

/** Asks for more of the log once half a page or less is left. */
export function loadMore(connection: ConnectionState, limits: ServerLimits, out: Output): void {
  if (connection.loading || connection.cursor >= connection.tail) return;
  if (waiting(connection) * 2 > limits.pageMessages || connection.pageBytes * 2 > limits.pageBytes) return;
  connection.loading = true;
  out.requests.push({
    type: "loadQueue",
    after: connection.cursor,
    messages: limits.pageMessages,
    bytes: limits.pageBytes,
  });
}
