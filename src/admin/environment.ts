/** Where administration gets time and unique ids from. */
export interface AdminEnvironment {
  /** The time of day, in epoch milliseconds: that of the brokers, within the skew that they allow. */
  now(): number;
  /** A text that nobody else ever gets: at least 122 random bits, printable ASCII. */
  randomId(): string;
}

/** The platform's own clock and random source. */
export function systemAdminEnvironment(): AdminEnvironment {
  return { now: () => Date.now(), randomId: () => crypto.randomUUID() };
}
