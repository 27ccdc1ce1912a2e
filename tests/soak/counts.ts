/** What has happened so far. */
export interface Counts {
  /** Messages that clients sent, by QoS; repetitions that say so are not counted. */
  readonly published: Record<0 | 1 | 2, number>;
  /** PUBLISH packets that clients got, by QoS. */
  readonly delivered: Record<0 | 1 | 2, number>;
  /** Those of them with DUP. */
  repeated: number;
  /** Those of them that were Wills. */
  wills: number;
  /** Messages that clients sent with a Message Expiry Interval. */
  expiring: number;
  /** Messages that clients sent with RETAIN 1. */
  retained: number;
  /** Copies that came from shared groups; counted when an epoch ends. */
  fromGroups: number;
  /** How often a client was judged in the end by what it knows of a topic with retained messages. */
  retainedTopics: number;
  connects: number;
  /** Connects of a known client without Clean Start. */
  resumes: number;
  /** CONNACKs with Session Present 1. */
  present: number;
  /** CONNACKs that refuse. */
  refused: number;
  /** Connections of 5.0 that were told so. */
  takenOver: number;
  /** SIGKILLs of brokers. */
  kills: number;
  /** SIGTERMs of brokers. */
  stops: number;
  /** SIGKILLs of Redis. */
  redisKills: number;
  /** Connections that were cut, or fell silent. */
  cuts: number;
  /** Times that a client left its socket unread. */
  pauses: number;
  /** Times that a client did what it may not. */
  misbehaved: number;
  /** Messages that were dropped and counted, from the reports of sessions at the end of an epoch. */
  dropped: number;
  violations: number;
}

/** Nothing yet. */
export function noCounts(): Counts {
  return {
    published: { 0: 0, 1: 0, 2: 0 },
    delivered: { 0: 0, 1: 0, 2: 0 },
    repeated: 0,
    wills: 0,
    expiring: 0,
    retained: 0,
    fromGroups: 0,
    retainedTopics: 0,
    connects: 0,
    resumes: 0,
    present: 0,
    refused: 0,
    takenOver: 0,
    kills: 0,
    stops: 0,
    redisKills: 0,
    cuts: 0,
    pauses: 0,
    misbehaved: 0,
    dropped: 0,
    violations: 0,
  };
}

/** Both together. */
export function addCounts(one: Counts, other: Counts): Counts {
  const levels = (name: "published" | "delivered") => ({
    0: one[name][0] + other[name][0],
    1: one[name][1] + other[name][1],
    2: one[name][2] + other[name][2],
  });
  return {
    published: levels("published"),
    delivered: levels("delivered"),
    repeated: one.repeated + other.repeated,
    wills: one.wills + other.wills,
    expiring: one.expiring + other.expiring,
    retained: one.retained + other.retained,
    fromGroups: one.fromGroups + other.fromGroups,
    retainedTopics: one.retainedTopics + other.retainedTopics,
    connects: one.connects + other.connects,
    resumes: one.resumes + other.resumes,
    present: one.present + other.present,
    refused: one.refused + other.refused,
    takenOver: one.takenOver + other.takenOver,
    kills: one.kills + other.kills,
    stops: one.stops + other.stops,
    redisKills: one.redisKills + other.redisKills,
    cuts: one.cuts + other.cuts,
    pauses: one.pauses + other.pauses,
    misbehaved: one.misbehaved + other.misbehaved,
    dropped: one.dropped + other.dropped,
    violations: one.violations + other.violations,
  };
}

/** All messages that clients sent. */
export function messagesIn({ published }: Counts): number {
  return published[0] + published[1] + published[2];
}

/** All SIGKILLs. */
export function killsIn({ kills, redisKills }: Counts): number {
  return kills + redisKills;
}

/** One line for a person. */
export function describeCounts(counts: Counts): string {
  const levels = ({ 0: zero, 1: one, 2: two }: Counts["published"]) => `${zero}/${one}/${two}`;
  return [
    `published ${levels(counts.published)}`,
    `delivered ${levels(counts.delivered)} (${counts.repeated} with DUP)`,
    `kills ${counts.kills}`,
    `Redis kills ${counts.redisKills}`,
    `stops ${counts.stops}`,
    `cuts ${counts.cuts}`,
    `pauses ${counts.pauses}`,
    `connects ${counts.connects} (${counts.refused} refused, ${counts.resumes - counts.present} found no session)`,
    `takeovers told ${counts.takenOver}`,
    `Wills ${counts.wills}`,
    `expiring ${counts.expiring}`,
    `retained ${counts.retained} (judged for ${counts.retainedTopics} topics of clients)`,
    `copies from groups ${counts.fromGroups}`,
    `dropped ${counts.dropped}`,
    `misbehaved ${counts.misbehaved}`,
    `violations ${counts.violations}`,
  ].join(", ");
}
