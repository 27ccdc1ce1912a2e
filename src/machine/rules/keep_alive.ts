/** Keep Alive: a connection that is silent for one and a half times its value counts as lost ([MQTT-3.1.2-22]). */

/** What is in force on a connection. */
export interface KeepAliveTerms {
  /** The longest allowed silence in milliseconds; 0 allows any. */
  readonly silenceMs: number;
  /** The Server Keep Alive to announce, in seconds; absent when the client's own value stands. */
  readonly serverKeepAlive?: number;
}

/** What a server asks for, in seconds: what the host imposes on this connection, and the longest that it lets stand. */
export interface KeepAliveDemand {
  readonly imposed: number | undefined;
  readonly maximum: number;
}

/**
 * The terms of a connection from the client's value and what the server asks for, all in seconds.
 *
 * 3.1.1 has no way to tell the client of another value, so there its own always stands (KA-03).
 */
export function keepAliveTerms(requested: number, demand: KeepAliveDemand, canOverride: boolean): KeepAliveTerms {
  const tooLong = demand.maximum > 0 && (requested === 0 || requested > demand.maximum);
  const override = demand.imposed ?? (tooLong ? demand.maximum : undefined);
  if (override === undefined || !canOverride) return { silenceMs: requested * 1_500 };
  return { silenceMs: override * 1_500, serverKeepAlive: override };
}
