/** Worlds of retained messages: the worlds of other seeds, in which everything is published with RETAIN 1. */
import { drawPlan } from "./draw.ts";
import { type Action, type ClientPlan, FORBIDDEN, type Level, type Plan } from "./plan.ts";

/** Draws one: what may lose a message without a trace for others is left out, all that fails stays. */
export function drawRetainedPlan(seed: number): Plan {
  const plan = drawPlan(seed);
  const { maximumPacketSize: _size, maximumQoS: _qos, ...broker } = plan.broker;
  return {
    ...plan,
    broker: { ...broker, queueMessages: 10_000, retains: true },
    clients: plan.clients.map(asPlain),
    actions: plan.actions.flatMap(asRetained),
    pageFaults: [],
  };
}

function asPlain(client: ClientPlan): ClientPlan {
  const { page: _page, maximumPacketSize: _size, filters, ...rest } = client;
  return {
    ...rest,
    isRude: false,
    usesAliases: false,
    filters: filters.map((filter) => ({ ...filter, qos: atLeastOnce(filter.qos) })),
  };
}

function asRetained(action: Action): Action[] {
  switch (action.do) {
    case "publish": {
      const { expiry: _expiry, second, ...rest } = action;
      if (second === true || action.topic.startsWith(FORBIDDEN)) return [];
      return [{ ...rest, retain: true, qos: atLeastOnce(action.qos), padding: 0 }];
    }
    case "subscribe":
      return [{ ...action, filter: { ...action.filter, qos: atLeastOnce(action.filter.qos) } }];
    case "rude":
    case "reload":
    case "tab":
    case "offline":
    case "hostPublish":
      return [];
    default:
      return [action];
  }
}

function atLeastOnce(qos: Level): Level {
  return qos === 0 ? 1 : qos;
}
