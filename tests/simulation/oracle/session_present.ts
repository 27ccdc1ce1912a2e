/**
 * Session Present: 1 if and only if the session was there, had not ended, and Clean Start was 0 (invariant 9). What it says
 * also tells whether a client's session is the one that was known, or another.
 *
 * @module
 */
import { appliedUntil, type Connection, surelyBefore } from "./connection.ts";
import type { Client } from "./client.ts";
import { doubtfulGeneration, Generation } from "./generation.ts";
import type { Knowledge } from "./knowledge.ts";
import { earliestEnd, latestEnd, mayBeEndedByHand, surelyEndedByHand } from "./lifetime.ts";
import { connectionResumed } from "./will.ts";

/** A CONNACK gave a session: is it the right one, and which? */
export function sessionGiven(knowledge: Knowledge, connection: Connection, sessionPresent: boolean): void {
  const { client } = connection;
  const holders = holdersBefore(knowledge, connection);
  const judged = !client.isRude;
  if (sessionPresent) {
    const wrong = whyAbsent(knowledge, connection, holders);
    if (judged && wrong !== undefined) {
      knowledge.report("Session Present", client.name, `connection ${connection.number} got 1, ${wrong}`);
    }
  } else if (judged && mustBePresent(knowledge, connection, holders)) {
    knowledge.report(
      "Session Present",
      client.name,
      `connection ${connection.number} got 0, but the session of connection ${last(holders)} had not ended`,
    );
  }
  const generation = generationAfter(knowledge, connection, holders, sessionPresent);
  const resumed = sessionPresent && generation === client.generation;
  if (resumed) {
    for (const holder of holders) {
      if (surelyBefore(holder, connection, knowledge.bounds)) connectionResumed(knowledge, holder);
    }
  }
  client.generation = connection.generation = generation;
  forgetOlder(knowledge, client);
  markOlder(knowledge, connection);
}

/** The CONNECTs of which one may have been the last that was carried out before another. */
export function holdersBefore(knowledge: Knowledge, connection: Connection): readonly Connection[] {
  const { bounds } = knowledge;
  const others = connection.client.attempts.filter((other) => other !== connection && !other.isRefused);
  return others.filter((other) =>
    !others.some((between) =>
      between.isAccepted && surelyBefore(other, between, bounds) && surelyBefore(between, connection, bounds)
    )
  );
}

/** The CONNECTs of which one is the last that was carried out. */
export function holdersNow(knowledge: Knowledge, client: Client): readonly Connection[] {
  const { bounds } = knowledge;
  const all = client.attempts.filter(({ isRefused }) => !isRefused);
  return all.filter((one) => !all.some((later) => later.isAccepted && surelyBefore(one, later, bounds)));
}

/** Forgets what surely came before another that surely came before all that are still to be answered. */
function forgetOlder(knowledge: Knowledge, client: Client): void {
  const { bounds } = knowledge;
  const { attempts } = client;
  const open = attempts.filter(({ isOpen, isAnswered }) => isOpen && !isAnswered);
  const settled = attempts.filter((one) => one.isAccepted && open.every((other) => surelyBefore(one, other, bounds)));
  client.attempts = attempts.filter((one) =>
    !one.isRefused && !settled.some((later) => surelyBefore(one, later, bounds))
  );
}

function last(holders: readonly Connection[]): number | undefined {
  return holders.at(-1)?.number;
}

/** Whether CONNACK does not come late: it may speak of the time before a session that is known by now. */
function isTimely({ connectSeq }: Connection, holders: readonly Connection[]): boolean {
  return holders.every((holder) => !holder.isAccepted || holder.connackSeq < connectSeq);
}

/** Why there surely was no session. */
function whyAbsent(
  knowledge: Knowledge,
  connection: Connection,
  holders: readonly Connection[],
): string | undefined {
  if (connection.connect?.cleanStart === true) return "but it asked for a clean start";
  // It may speak of a session from before those that are still remembered.
  if (!isTimely(connection, holders)) return undefined;
  if (holders.length === 0) return "but the client had no session";
  if (holders.every((holder) => hasEndedBefore(knowledge, holder, connection.connectAt))) {
    return `but the session of connection ${last(holders)} had ended`;
  }
  if (surelyEndedByHand(holders, knowledge, connection.connectSeq)) return "but it had been ended by hand";
  return undefined;
}

/** Whether a session that this connection held last surely has ended at a time, or ends with whoever takes over. */
export function hasEndedBefore(knowledge: Knowledge, holder: Connection, at: number): boolean {
  return holder.mostExpiryMs === 0 || latestEnd(holder, knowledge.bounds) < at;
}

/** Whether there surely was a session that goes on. */
function mustBePresent(knowledge: Knowledge, connection: Connection, holders: readonly Connection[]): boolean {
  if (connection.connect?.cleanStart === true) return false;
  return mustExistSince(knowledge, holders, connection.connectSeq);
}

/** Whether the session that one of these held last surely is there now, and was since before a CONNECT was sent. */
export function mustExistSince(knowledge: Knowledge, holders: readonly Connection[], connectSeq: number): boolean {
  return mustExist(knowledge, holders) && holders.some((holder) => holder.connackSeq < connectSeq);
}

/** Whether the session that one of these held last surely is there now. */
export function mustExist(knowledge: Knowledge, holders: readonly Connection[]): boolean {
  return holders.every((holder) => knowledge.at < earliestEnd(holder, knowledge.bounds)) &&
    holders.some(({ isAccepted }) => isAccepted) &&
    !holders.some((holder) => mayBeEndedByHand(holder, knowledge));
}

function generationAfter(
  knowledge: Knowledge,
  connection: Connection,
  holders: readonly Connection[],
  sessionPresent: boolean,
): Generation {
  const { client, connectSeq, connectAt } = connection;
  const known = client.generation;
  const { seq } = knowledge;
  if (!sessionPresent) {
    return new Generation({
      client: client.name,
      bornFromSeq: connectSeq,
      bornFromAt: connectAt,
      bornSeq: seq,
      firstConnection: connection,
    });
  }
  if (known === undefined) {
    // The oracle may begin to look in the middle, or Session Present is wrong: nothing is known of this session.
    const unknown = { bornFromSeq: -1, bornFromAt: -Infinity, bornSeq: seq, firstConnection: undefined };
    return new Generation({ client: client.name, ...unknown });
  }
  const timely = isTimely(connection, holders);
  const sameHolders = holders.every((holder) => holder.isAccepted && holder.generation === known);
  if (timely && (sameHolders || goesOnInAnyCase(knowledge, holders, known))) return known;
  const before = timely ? undefined : client.connections.findLast((other) => other.connackSeq < connectSeq);
  const older = [...holders, before].map((holder) => holder?.generation).filter((each) => each !== undefined);
  return doubtfulGeneration([...new Set([known, ...older])], seq);
}

/** Whether each of these, if it was carried out, went on with the known session. */
export function goesOnInAnyCase(knowledge: Knowledge, holders: readonly Connection[], known: Generation): boolean {
  return holders.every((holder) =>
    holder.isAccepted ? holder.generation === known : holder.connect?.cleanStart === false
  ) && mustExist(knowledge, holders);
}

/** Who held the session before holds it no more; or nobody knows who came first. */
function markOlder(knowledge: Knowledge, connection: Connection): void {
  for (const other of connection.client.connections) {
    if (other === connection || !other.isAccepted) continue;
    if (other.connackSeq < connection.connectSeq) {
      other.supersededSeq = Math.min(other.supersededSeq, knowledge.seq);
    } else {
      other.isContested = connection.isContested = true;
    }
  }
}

/** An answer shows that this connection held the session after something was sent: older doubts are over. */
export function holdsTheSession(
  knowledge: Knowledge,
  connection: Connection,
  sent: { readonly seq: number; readonly at: number },
): void {
  const { client } = connection;
  client.attempts = client.attempts.filter((other) => {
    if (other === connection || other.isRefused) return other === connection;
    if (!other.isAccepted) return appliedUntil(other, knowledge.bounds) >= sent.at;
    return other.connackSeq >= sent.seq;
  });
  if (!connection.isContested) return;
  connection.isContested = client.attempts.some((other) => other !== connection && other.isAccepted);
  for (const other of client.connections) {
    if (other.isContested && other.connackSeq < sent.seq && other !== connection) other.supersededSeq = knowledge.seq;
  }
}
