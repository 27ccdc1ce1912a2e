/**
 * Plays scenarios to a broker, beside each other.
 *
 * @module
 */
import { BrokerCommand } from "./broker_command.ts";
import { Crashes } from "./crashes.ts";
import { mismatch } from "./match.ts";
import { Peer } from "./peer.ts";
import { play, type Stage } from "./play.ts";
import { type Feature, isSlow, needsStart, type Scenario, type Version } from "./scenario.ts";
import { connectPacket } from "./words.ts";

/** How a scenario went. `differs` is another answer where the texts recommend or leave open. */
export type Outcome = "passed" | "failed" | "differs" | "unsupported" | "needsStart";

/** A scenario, and how it went. */
export interface Result {
  readonly scenario: Scenario;
  readonly outcome: Outcome;
  readonly why?: string;
  readonly trace: readonly string[];
}

/** Whom to ask, and how. */
export interface RunOptions {
  readonly url: string;
  /** Starts the broker in a shell. Without it the broker runs already, and is never restarted. */
  readonly start?: string;
  /** How long an answer may take. */
  readonly deadlineMs: number;
  /** How many scenarios run beside each other. */
  readonly parallel: number;
  readonly heard?: (result: Result) => void;
}

/** What the broker can do. */
export interface Abilities {
  readonly versions: readonly Version[];
  readonly features: readonly Feature[];
}

/** Plays all scenarios. Rejects when the broker cannot be reached. */
export async function run(scenarios: readonly Scenario[], options: RunOptions): Promise<readonly Result[]> {
  await using broker = options.start === undefined ? undefined : new BrokerCommand(options.start, options.url);
  await broker?.start();
  const abilities = await askAbilities(options);
  const letters = lettersOf(scenarios);
  const results: Result[] = [];
  const add = (result: Result): void => {
    results.push(result);
    options.heard?.(result);
  };
  const stageOf = (scenario: Scenario, restart: () => Promise<void>): Stage => ({
    url: options.url,
    letters: letters.get(scenario) ?? "",
    // Brokers look at clocks every few seconds, and what died is missed after a while.
    deadlineMs: isSlow(scenario) || needsStart(scenario) ? 4 * options.deadlineMs : options.deadlineMs,
    restart,
  });

  const playable: Scenario[] = [];
  for (const scenario of scenarios) {
    const why = lack(scenario, abilities);
    if (why !== undefined) add({ scenario, outcome: "unsupported", why, trace: [] });
    else if (needsStart(scenario) && broker === undefined) add({ scenario, outcome: "needsStart", trace: [] });
    else playable.push(scenario);
  }
  // Those that take seconds come first, and run beside all others.
  const plain = playable.filter((scenario) => !needsStart(scenario)).toSorted((a, b) => +isSlow(b) - +isSlow(a));
  const never = (): Promise<void> => Promise.reject(new Error("Nothing is restarted here"));
  const waiting = plain.values();
  await Promise.all(Array.from({ length: options.parallel }, async () => {
    for (const scenario of waiting) add(await resultOf(scenario, stageOf(scenario, never)));
  }));
  for (const how of ["kill", "stop"] as const) {
    const group = playable.filter(({ steps }) => steps.some((step) => step.do === "restart" && step.how === how));
    if (broker === undefined || group.length === 0) continue;
    const crashes = new Crashes(group.length, () => broker.restart(how));
    await Promise.all(group.map(async (scenario) => {
      const stage = stageOf(scenario, () => crashes.wait());
      add(await resultOf(scenario, stage, () => crashes.leave()));
    }));
  }
  return results;
}

async function resultOf(scenario: Scenario, stage: Stage, over: () => void = () => {}): Promise<Result> {
  const { outcome, why, trace } = await play(scenario, stage, over);
  const isChoice = outcome === "failed" && scenario.strength === "should";
  return { scenario, outcome: isChoice ? "differs" : outcome, ...(why === undefined ? {} : { why }), trace };
}

/** Letters and digits for each scenario: they begin anew in each run, so that a broker may keep what it knows. */
function lettersOf(scenarios: readonly Scenario[]): ReadonlyMap<Scenario, string> {
  const ofRun = crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36).padStart(7, "0").slice(-5);
  return new Map(
    scenarios.map((scenario, index) => [scenario, `${ofRun}${index.toString(36).padStart(3, "0")}`]),
  );
}

function lack({ needs, version }: Scenario, { versions, features }: Abilities): string | undefined {
  if (!versions.includes(version)) return version === 5 ? "it does not speak 5.0" : "it does not speak 3.1.1";
  const missing = needs.find((feature) => !features.includes(feature));
  return missing === undefined ? undefined : LACKS[missing];
}

const LACKS: Readonly<Record<Feature, string>> = {
  retain: "it has no retained messages",
  shared: "it has no shared subscriptions",
  subscriptionIdentifiers: "it has no Subscription Identifiers",
  noRetain: "it has retained messages",
  noShared: "it has shared subscriptions",
};

/** Which versions the broker speaks, and what it says in 5.0 that it can do. */
export async function askAbilities({ url, deadlineMs }: Pick<RunOptions, "url" | "deadlineMs">): Promise<Abilities> {
  const connacks = new Map<Version, Peer["connack"]>();
  for (const version of [4, 5] as const) {
    const peer = await Peer.open(url, { version, manual: true, trace: () => {} });
    const id = crypto.randomUUID().replaceAll("-", "").slice(0, 20);
    peer.send(connectPacket("", version, { id }));
    const connack = await peer.take(({ cmd }) => cmd === "connack", deadlineMs).catch(() => undefined);
    const isAccepted = mismatch(
      { cmd: "connack", [version === 5 ? "reasonCode" : "returnCode"]: 0 },
      connack,
      new Map(),
    );
    if (isAccepted === undefined) connacks.set(version, connack);
    if (!peer.isClosed) peer.send({ cmd: "disconnect" });
    await peer.drop();
  }
  const said = connacks.get(5)?.properties;
  const has = (name: string): boolean => mismatch({ [name]: false }, { ...said as object }, new Map()) !== undefined;
  const retain = has("retainAvailable");
  const shared = connacks.has(5) && has("sharedSubscriptionAvailable");
  const features: Feature[] = [retain ? "retain" : "noRetain", shared ? "shared" : "noShared"];
  if (has("subscriptionIdentifiersAvailable")) features.push("subscriptionIdentifiers");
  return { versions: [...connacks.keys()], features };
}
