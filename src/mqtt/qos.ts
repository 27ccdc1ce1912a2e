/** Quality of Service level: 0 at most once, 1 at least once, 2 exactly once. */
export type QoS = 0 | 1 | 2;

/** The lower of two levels: what a copy gets from the published and the granted one ([MQTT-3.8.4-8]). */
export function minimumQoS(a: QoS, b: QoS): QoS {
  return a < b ? a : b;
}
