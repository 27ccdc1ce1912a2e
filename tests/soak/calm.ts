/**
 * The end of all faults: when is everything that was owed delivered?
 *
 * @module
 */
import type { SessionReport } from "../simulation/oracle/observation.ts";
import type { Opened } from "./engine.ts";
import type { Journal } from "./journal.ts";
import type { Life } from "./life.ts";

/** Between two looks. */
const LOOK_MS = 100;

/** The wire has to be silent for so long before the store is asked. */
const SILENCE_MS = 500;

/** Who is asked whether all is quiet. */
export interface Asked {
  readonly lives: readonly Life[];
  /** The filters of shared groups. */
  readonly groups: readonly string[];
  readonly journal: Journal;
  /** The store, where it can be looked into. */
  readonly opened: Opened | undefined;
  /** What comes due within so long is waited for. */
  readonly horizonMs: number;
}

/** What was found in the end. */
export interface Rest {
  readonly outstanding: readonly string[];
  readonly reports: readonly SessionReport[];
}

/** Waits until nothing is under way any more, at most so long. Nothing happens between the look and the answer. */
export async function quiet(asked: Asked, capMs: number): Promise<Rest> {
  const { journal } = asked;
  const until = Date.now() + capMs;
  for (;;) {
    const found = await outstanding(asked);
    const { heardAt } = journal;
    const sessions = await reports(asked);
    const isQuiet = found.length === 0 && journal.heardAt === heardAt && !journal.pinging;
    if (isQuiet || Date.now() > until) return { outstanding: found, reports: sessions };
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** The sessions of all clients and the shared groups, as the store knows them. */
async function reports({ opened, lives, groups }: Asked): Promise<readonly SessionReport[]> {
  if (opened === undefined) return lives.map(({ clientId }) => unseen(clientId));
  const report = async (client: string, name = client): Promise<SessionReport> => {
    const summary = await opened.store.directory.inspect(name);
    return {
      client,
      exists: summary !== undefined,
      queuedMessages: summary?.queuedMessages ?? 0,
      dropped: summary?.dropped ?? {},
    };
  };
  return await Promise.all([
    ...lives.map(({ clientId }) => report(clientId)),
    // The group of a shared filter is stored under a name that no client can have.
    ...groups.map((filter) => report(filter, `\u0000${filter}`)),
  ]);
}

/** Waits until the store owes nothing and has been swept, at most so long. What is left then. */
export async function swept(
  opened: Opened,
  horizonMs: number,
  capMs: number,
): Promise<readonly string[]> {
  const until = Date.now() + capMs;
  for (;;) {
    const found = await due(opened, horizonMs);
    if (found.length === 0 || Date.now() > until) return found;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** A session in the memory of a broker: it is there, and what could expire may have. */
function unseen(client: string): SessionReport {
  return { client, exists: true, queuedMessages: 0, dropped: { expired: Number.MAX_SAFE_INTEGER } };
}

async function outstanding(asked: Asked): Promise<readonly string[]> {
  const { lives, journal, opened, horizonMs } = asked;
  const found = lives.map((life) => life.outstanding).filter((text) => text !== undefined);
  if (found.length > 0) return found;
  if (journal.pinging) return ["a ping is not answered"];
  const silentMs = journal.now() - journal.heardAt;
  if (silentMs < SILENCE_MS) return [`a packet was seen ${silentMs} ms ago`];
  if (opened === undefined) return [];
  const sessions = await reports(asked);
  const waiting = sessions.filter(({ queuedMessages }) => queuedMessages > 0);
  if (waiting.length > 0) return waiting.map(({ client, queuedMessages }) => `${queuedMessages} queued for ${client}`);
  return await due(opened, horizonMs);
}

/**
 * What the store says is due, or will be within the horizon. Leases are judged by now: a node whose lease was over by the
 * time that is told to the store, and that owns nothing, would be forgotten, though it lives and takes sessions again.
 */
async function due({ store }: Opened, horizonMs: number): Promise<readonly string[]> {
  const work = await store.listDue(Date.now() + horizonMs, { limit: 1_000, graceMs: horizonMs });
  return work.map((each) => `due: ${JSON.stringify(each)}`);
}
