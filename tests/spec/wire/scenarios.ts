import type { Scenario } from "./scenario.ts";
import { CONNECT } from "./scenarios/connect.ts";
import { CRASH } from "./scenarios/crash.ts";
import { ERRORS } from "./scenarios/errors.ts";
import { FLOW_CONTROL } from "./scenarios/flow_control.ts";
import { IDENTITY } from "./scenarios/identity.ts";
import { INBOUND } from "./scenarios/inbound.ts";
import { OUTBOUND } from "./scenarios/outbound.ts";
import { QUEUE } from "./scenarios/queue.ts";
import { RETAINED } from "./scenarios/retained.ts";
import { SESSION_EXPIRY } from "./scenarios/session_expiry.ts";
import { SESSION_STATE } from "./scenarios/session_state.ts";
import { SHARED } from "./scenarios/shared.ts";
import { SUBSCRIPTIONS } from "./scenarios/subscriptions.ts";
import { WILL } from "./scenarios/will.ts";

/** All that a broker is told. */
export const SCENARIOS: readonly Scenario[] = [
  ...SESSION_STATE,
  ...CONNECT,
  ...IDENTITY,
  ...SESSION_EXPIRY,
  ...WILL,
  ...OUTBOUND,
  ...INBOUND,
  ...FLOW_CONTROL,
  ...QUEUE,
  ...SUBSCRIPTIONS,
  ...RETAINED,
  ...SHARED,
  ...ERRORS,
  ...CRASH,
];
