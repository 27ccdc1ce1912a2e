import type { ChosenFault } from "../mutant.ts";

const GROUPS = "src/runtime/groups";
const CLAIMING = "src/machine/rules/claiming.ts";

/** Faults of shared groups. */
export const SHARED_GROUP_FAULTS: readonly ChosenFault[] = [
  {
    name: "a started QoS 2 message goes to another member when its session ends",
    file: CLAIMING,
    text: "return hasEnded && qos === 1;",
    replacement: "return hasEnded;",
    breaks: "SH-06, trap 67",
  },
  {
    name: "a started QoS 1 message is lost with the session of its member",
    file: CLAIMING,
    text: "if (sequence <= startedThrough) return",
    replacement: "if (sequence <= startedThrough) return qos === 0 &&",
    breaks: "SH-07, trap 67",
  },
  {
    name: "what a member never started stays with it when it detaches",
    file: CLAIMING,
    text: 'if (!hasEnded || sharedNeverStarted === "redispatch") return true;',
    replacement: 'if (hasEnded && sharedNeverStarted === "redispatch") return true;',
    breaks: "SH-14, D13",
  },
  {
    name: "messages are claimed for a session whatever connection owns it",
    file: "src/store/key_value/append.ts",
    text: "head.owner.token !== receiver.ownedBy)",
    replacement: "head.owner.token === undefined)",
    breaks: "D13",
  },
  {
    name: "an entry that gave way is claimed all the same",
    file: "src/store/key_value/batch.ts",
    text: "(draft?.missing || !isTaken(delivered.deliveries))",
    replacement: "(draft === undefined || !isTaken(delivered.deliveries))",
    breaks: "D13, G14",
  },
  {
    name: "a claim is carried out for those who can take it",
    file: "src/stores/upstash_redis/lua/commit.ts",
    text: "(answer[1] ~= 'a' or answer[4] > 0 or answer[5])",
    replacement: "answer[1] == 'e' and answer[2] == 'never'",
    breaks: "D13",
  },
  {
    name: "an acquire ends a session that has yet to give back what it claimed",
    file: "src/machine/rules/lifecycle.ts",
    text: "return ends !== undefined && stored?.borrows === true;",
    replacement: "return ends === undefined && stored?.borrows === true;",
    breaks: "SH-07",
  },
  {
    name: "a message of QoS 0 is offered to a group that has a member here, and comes to nobody",
    file: "src/runtime/publish.ts",
    text: "const isGroup = filterOf(receiver.clientId) !== undefined;",
    replacement: 'const isGroup = filterOf(receiver.clientId) === "";',
    breaks: "D13",
  },
  {
    name: "what a member has acknowledged is given back where its node hears late of the claim",
    file: `${GROUPS}/membership.ts`,
    text: "messages.filter(({ sequence }) => sequence > known)",
    replacement: "messages.filter(({ sequence }) => sequence > Math.min(known, 0))",
    breaks: "SH-03",
  },
  {
    name: "who has claimed is told of it when something else comes",
    file: `${GROUPS}/desk.ts`,
    text: "      sessions.takeArrivals();",
    replacement: "      void sessions;",
    breaks: "D13",
  },
  {
    name: "the first member is always the first to take",
    file: `${GROUPS}/desk.ts`,
    text: "this.#next += dealt.length;",
    replacement: "this.#next += dealt.length * 0;",
    breaks: "D13: claims are fair",
  },
  {
    name: "members claim beyond their quota",
    file: `${GROUPS}/desk.ts`,
    text: "Math.min(member.claimRoom - claims.underWay, pageMessages - claims.size)",
    replacement: "Math.min(pageMessages, pageMessages - claims.size)",
    breaks: "D13",
  },
  {
    name: "a group outlives its last member",
    file: `${GROUPS}/groups.ts`,
    text: "if (gone.length === all.length) {",
    replacement: "if (all.length === 0) {",
    breaks: "SH-09",
  },
  {
    name: "an UNSUBACK does not wait for the group that is left",
    file: `${GROUPS}/membership.ts`,
    text: "return leaves ? { ...letter, until: () => this.#left } : letter;",
    replacement: "return leaves ? { ...letter } : letter;",
    breaks: "SH-09",
  },
  {
    name: "a group is joined while it is being left",
    file: "src/runtime/requests.ts",
    text: "if (joins && mailbox.movesSubscriptions)",
    replacement: "if (!joins && mailbox.movesSubscriptions)",
    breaks: "SH-09",
  },
  {
    name: "what waits for a group that is left does not hold up what comes behind it",
    file: "src/runtime/deeds.ts",
    text: "while (this.#waiting === undefined) {",
    replacement: "for (;;) {",
    breaks: "order of acknowledgements",
  },
  {
    name: "nobody lets go of a session whose settling was cut short",
    file: "src/runtime/superseded.ts",
    text: "|| !isRaised(owner.token)) return;",
    replacement: "|| isRaised(owner.token)) return;",
    breaks: "G9: a session that nobody holds",
  },
];
