/** The CONNECT of a client, as its plan says. */
import type { ConnectPacket } from "../../../mod.ts";
import { METHOD } from "../plan/authentication.ts";
import type { ClientPlan } from "../plan/plan.ts";

/** What differs from one connection to the next. */
export interface ConnectTerms {
  readonly clean: boolean;
  /** In seconds; 5.0. */
  readonly expiry: number;
  /** The text of its Will; `undefined` for none. */
  readonly will: string | undefined;
}

/** The packet. */
export function connectPacket(
  clientId: string,
  plan: ClientPlan,
  { clean, expiry, will }: ConnectTerms,
): ConnectPacket {
  const isV5 = plan.version === 5;
  return {
    type: "connect",
    protocolVersion: plan.version,
    clientId,
    cleanStart: clean,
    keepAlive: plan.keepAlive,
    ...(isV5 ? { sessionExpiryInterval: expiry } : {}),
    ...(isV5 && plan.proof !== undefined ? { authenticationMethod: METHOD } : {}),
    ...(isV5 && plan.receiveMaximum !== undefined ? { receiveMaximum: plan.receiveMaximum } : {}),
    ...(isV5 && plan.maximumPacketSize !== undefined ? { maximumPacketSize: plan.maximumPacketSize } : {}),
    ...(will === undefined || plan.will === undefined ? {} : {
      will: {
        topic: plan.will.topic,
        payload: new TextEncoder().encode(will),
        qos: plan.will.qos,
        retain: false,
        properties: {},
        willDelayInterval: isV5 ? plan.will.delay : 0,
      },
    }),
  };
}
