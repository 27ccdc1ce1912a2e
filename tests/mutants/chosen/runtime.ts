import type { ChosenFault } from "../mutant.ts";

const RUNTIME = "src/runtime";

/** Faults of the shell. */
export const RUNTIME_FAULTS: readonly ChosenFault[] = [
  {
    name: "effects before commit",
    file: `${RUNTIME}/mailbox.ts`,
    text: "envelope.sealed = true;",
    replacement: "envelope.sealed = true, this.#run(envelope.effects.splice(0));",
    breaks: "G4",
  },
  {
    name: "QoS 0 copies do not wait for earlier ones whose messages must be stored",
    file: `${RUNTIME}/mailbox.ts`,
    text: "if (this.#envelopes.some(({ holdsOffers }) => holdsOffers))",
    replacement: "if (cost < 0)",
    breaks: "order, invariant 16",
  },
  {
    name: "a CONNECT is tried again though its connection is gone",
    file: `${RUNTIME}/acquire.ts`,
    text: "if (!asker.wants(isRepeated)) {",
    replacement: "if (isRepeated && !asker.wants(false)) {",
    breaks: "D1",
  },
  {
    name: "effects without changes overtake those that wait for a commit",
    file: `${RUNTIME}/mailbox.ts`,
    text: "if (last === undefined) return this.#run(",
    replacement: "if (last === undefined || cost >= 0) return this.#run(",
    breaks: "G4",
  },
  {
    name: "a batch that is under way takes more",
    file: `${RUNTIME}/mailbox.ts`,
    text: "if (last === undefined || last.sealed || alone)",
    replacement: "if (last === undefined || alone)",
    breaks: "G4",
  },
  {
    name: "a failed commit is passed over",
    file: `${RUNTIME}/mailbox.ts`,
    text: "if (!this.#dropped) this.#options.owner.storeFailed(error);",
    replacement: "",
    breaks: "rule 29: a failed write stops the acknowledgement",
  },
  {
    name: "a superseded connection goes on",
    file: `${RUNTIME}/mailbox.ts`,
    text: "if (!this.#dropped) owner.commitSuperseded();",
    replacement: "",
    breaks: "G3",
  },
  {
    name: "a publish that may be refused does not travel alone",
    file: `${RUNTIME}/mailbox.ts`,
    text: "const alone = letter.refusableRef !== undefined;",
    replacement: "const alone = false;",
    breaks: "D11",
  },
  {
    name: "QoS 0 is committed again when nobody knows what became of it",
    file: `${RUNTIME}/publish.ts`,
    text: "readonly atMostOnce = true;",
    replacement: "readonly atMostOnce = false;",
    breaks: "trap 45",
  },
  {
    name: "all clients without an identifier are the same one",
    file: `${RUNTIME}/acquire.ts`,
    text: "assigned ? options.environment.randomId() : given",
    replacement: 'assigned ? "assigned" : given',
    breaks: "traps 8 and 9",
  },
  {
    name: "a session is taken before what its last connection left is stored",
    file: `${RUNTIME}/acquire.ts`,
    text: "if (previous?.leaving) await previous.done;",
    replacement: "",
    breaks: "G4",
  },
  {
    name: "a session that may have been acquired is not let go of",
    file: `${RUNTIME}/acquire.ts`,
    text: "context.orphans.add(clientId, token);",
    replacement: "",
    breaks: "D8",
  },
  {
    name: "a publish does not wait for the subscription before it",
    file: `${RUNTIME}/publish_route.ts`,
    text: "if (this.#owner.mailbox.movesSubscriptions) this.#postponed",
    replacement: "if (this.#postponed !== undefined) this.#postponed",
    breaks: "order of a client's own packets",
  },
  {
    name: "every slice of an outbox step fixes the receivers",
    file: `${RUNTIME}/outbox.ts`,
    text: "fixes = false;",
    replacement: "",
    breaks: "idea 5",
  },
  {
    name: "a lease is trusted as long as the clock on the wall says",
    file: `${RUNTIME}/node_lease.ts`,
    text: "if (!isOld && !hasLapsed) return;",
    replacement: "if (!hasLapsed) return;",
    breaks: "D5",
  },
  {
    name: "who does due work supersedes nobody",
    file: `${RUNTIME}/due.ts`,
    text: "raiseEpoch: { token: environment.randomId() },",
    replacement: "",
    breaks: "D6",
  },
];
