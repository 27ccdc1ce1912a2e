import { type BrokerEnvironment, systemEnvironment } from "@edge-mqtt/session";

/** The system's environment with another time of day: tests let a week go by in it. */
export function shiftedEnvironment(offsetMs: number): BrokerEnvironment {
  const system = systemEnvironment();
  return {
    ...system,
    now: () => system.now() + offsetMs,
    wake: (at, callback) => system.wake(at - offsetMs, callback),
  };
}
