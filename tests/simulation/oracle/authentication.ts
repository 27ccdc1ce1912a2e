/**
 * Enhanced authentication: AUTH comes only where a method was agreed on, names it, and is the server's turn
 * ([MQTT-4.12.0-1] to [MQTT-4.12.1-2]); nobody is let in who has not proven who it is; and until it has, its CONNECT
 * touches neither session nor Will (AU-05, AU-06).
 *
 * @module
 */
import type { Connection } from "./connection.ts";
import type { Knowledge } from "./knowledge.ts";
import type { WireAuth, WireConnack, WireConnect } from "./observation.ts";
import { neverPublished } from "./will.ts";

const SUCCESS = 0x00;
const CONTINUE = 0x18;
const AGAIN = 0x19;

/** What was said on a connection whose CONNECT named a method. */
export interface Exchange {
  readonly method: string;
  /** Right answers in a row of the exchange under way, or of the last one. */
  right: number;
  isWrong: boolean;
  /** Whose word is awaited; nobody's once all has been said. */
  turn: "server" | "client" | undefined;
  /** Whether CONNECT began it, or AUTH on an open connection. */
  isAgain: boolean;
}

/** CONNECT begins an exchange if it names a method. */
export function exchangeBegins(connection: Connection, { authenticationMethod: method }: WireConnect): void {
  if (method === undefined) return;
  connection.exchange = { method, right: 0, isWrong: false, turn: "server", isAgain: false };
}

/** The client says something. */
export function authSent({ exchange }: Connection, { reasonCode, authenticationData: data }: WireAuth): void {
  if (exchange === undefined) return;
  if (reasonCode === AGAIN) {
    exchange.right = 0;
    exchange.isWrong = false;
    exchange.isAgain = true;
  } else if (data !== undefined && new TextDecoder().decode(data) === `answer ${exchange.right + 1}`) {
    exchange.right++;
  } else {
    exchange.isWrong = true;
  }
  exchange.turn = "server";
}

/** The server says something: why it must not. */
export function whyNoAuth(
  knowledge: Knowledge,
  connection: Connection,
  { reasonCode, authenticationMethod }: WireAuth,
): string | undefined {
  const { exchange } = connection;
  if (exchange === undefined) return "came, but no method was agreed on";
  if (authenticationMethod !== exchange.method) return `names the method ${authenticationMethod}`;
  if (exchange.turn !== "server") return "came when it was not the server's turn";
  if (exchange.isWrong) return "goes on after a wrong answer";
  const isProven = exchange.right >= stepsOf(knowledge, connection);
  if (reasonCode === CONTINUE) return isProven ? "goes on after the last answer" : undefined;
  if (reasonCode !== SUCCESS) return undefined;
  if (!exchange.isAgain) return "says before CONNACK that all is well";
  return isProven ? undefined : "says that all is well before the last answer";
}

/** The server has said something. */
export function authReceived(knowledge: Knowledge, { exchange }: Connection, { reasonCode }: WireAuth): void {
  if (exchange === undefined) return;
  exchange.turn = reasonCode === CONTINUE ? "client" : undefined;
  if (reasonCode === SUCCESS) knowledge.count("authenticated again");
}

/** CONNACK lets somebody in: who has proven who it is, and by the method of its CONNECT. */
export function judgeLetIn(knowledge: Knowledge, connection: Connection, connack: WireConnack): void {
  const { exchange, client, number } = connection;
  const report = (text: string) => {
    if (!client.isRude) knowledge.report("AUTH", client.name, `CONNACK on connection ${number} ${text}`);
  };
  if (connack.authenticationMethod !== exchange?.method) report(`names the method ${connack.authenticationMethod}`);
  if (exchange === undefined) return;
  if (mayBeLetIn(knowledge, connection)) knowledge.count("proved who it is");
  else report("lets in a client that has not proven who it is");
  exchange.turn = undefined;
}

/** Whether the server may be content with what a client has said until now. */
export function mayBeLetIn(knowledge: Knowledge, connection: Connection): boolean {
  const { exchange, isAccepted } = connection;
  if (exchange === undefined || isAccepted) return true;
  return !exchange.isWrong && exchange.right >= stepsOf(knowledge, connection);
}

/** A connection is over, or was refused, before its client had proven who it is: its CONNECT has touched nothing. */
export function leftUnproven(knowledge: Knowledge, connection: Connection): void {
  const { will, connect } = connection;
  if (connect === undefined || mayBeLetIn(knowledge, connection)) return;
  knowledge.count("never proved who it is");
  connection.isRefused = true;
  if (will !== undefined) neverPublished(will, "its client was never let in");
}

function stepsOf({ bounds }: Knowledge, { client }: Connection): number {
  return bounds.steps?.get(client.name) ?? 0;
}
