/** Worlds of retained messages: the worlds of other seeds, in which everything is published with RETAIN 1: for ever, or not. */
import { type Random, random } from "../../../src/testing/mod.ts";
import { drawPlan } from "./draw.ts";
import { type Action, type ClientPlan, FORBIDDEN, type Level, type Plan } from "./plan.ts";

/** From this seed on there are retained messages. */
export const RETAINED_FROM = 20_000_001;

/** What of a world is not retained for ever. */
interface Passing {
  readonly chance: Random;
  /** How often, of ten messages. */
  readonly qos0: number;
  readonly expires: number;
  readonly removals: number;
}

/** Draws one: what may lose a message without a trace for others is left out, all that fails stays. */
export function drawRetainedPlan(seed: number): Plan {
  const plan = drawPlan(seed);
  const { maximumPacketSize: _size, maximumQoS: _qos, rules: _rules, ...broker } = plan.broker;
  const chance = random(seed ^ 0x9e7a1);
  const often = (): number => chance.chance(0.5) ? 0 : 1 + chance.below(4);
  const passing = { chance, qos0: often(), expires: often(), removals: often() };
  return {
    ...plan,
    judged: "retained",
    broker: { ...broker, queueMessages: 10_000, retains: true },
    clients: plan.clients.map(asPlain),
    actions: withSubscribers(plan, plan.actions.flatMap((action) => asRetained(action, passing))),
    pageFaults: [],
  };
}

/** What is published while somebody subscribes is where most can go wrong: so there is much of that. */
function withSubscribers({ seed, clients, store, networkMs }: Plan, actions: readonly Action[]): Action[] {
  const chance = random(seed ^ 0x7e7a);
  const soonMs = 2 * networkMs[1] + 12 * store.latencyMs[1] + 1;
  const all = actions.flatMap((action): Action[] => {
    if (action.do !== "publish" || chance.chance(0.4)) return [action];
    const client = chance.below(clients.length);
    const filter = {
      filter: chance.pick(["t/#", "t/+", action.topic]),
      qos: 1,
      noLocal: false,
      retainAsPublished: false,
    };
    const at = Math.max(0, action.at - soonMs + chance.below(2 * soonMs));
    return [action, { at, do: "subscribe", client, filter: { ...filter, qos: 1 } }];
  });
  return all.sort((a, b) => a.at - b.at);
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

function asRetained(action: Action, { chance, qos0, expires, removals }: Passing): Action[] {
  switch (action.do) {
    case "publish": {
      const { expiry: _expiry, second, ...rest } = action;
      if (second === true || action.topic.startsWith(FORBIDDEN)) return [];
      const qos = chance.below(10) < qos0 ? 0 : atLeastOnce(action.qos);
      if (chance.below(10) < removals) return [{ ...rest, retain: true, qos, padding: 0, removes: true }];
      const expiry = chance.below(10) < expires ? { expiry: 1 + chance.below(3) } : {};
      return [{ ...rest, ...expiry, retain: true, qos, padding: 0 }];
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
