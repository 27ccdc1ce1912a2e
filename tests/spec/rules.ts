import { CHOSEN_FAULTS } from "../mutants/chosen.ts";
import type { ChosenFault } from "../mutants/mutant.ts";

/** A row, and the fault that takes its rule out of `src`. */
export interface RuleOut {
  readonly row: string;
  readonly fault: ChosenFault;
}

/** Rows whose rule one of the chosen faults takes out, by the name of the fault. */
const CHOSEN: Readonly<Record<string, string>> = {
  "CI-06": "3.1.1 may keep a session without a Client Identifier",
  "CL-01": "the size limit of the client leaves out the limit itself",
  "CL-02": "a message too large for the client stops all behind it",
  "CL-10": "a message is kept under its alias",
  "FC-04": "quota is never given back",
  "FC-16": "PUBREL of a resumed exchange costs quota",
  "FC-17": "PUBCOMP of a resent PUBREL gives credit that was never spent",
  "IB-09": "an unknown PUBREL closes the connection",
  "IB-13": "inbound identifiers are forgotten at a reconnect",
  "ID-07": "inbound and outbound identifiers share one map",
  "ID-11": "an identifier is given out without looking whether it is in use",
  "KA-03": "the server allows silence by the client's Keep Alive, not by its own",
  "LC-11": "Session Present tells of subscriptions",
  "LC-27": "a session that ends with its connection goes on at a takeover",
  "MQ-05": "the Message Expiry Interval is forwarded unchanged",
  "MQ-07": "expiry is applied to what is in flight",
  "OB-08": "owed PUBRELs are not sent after a reconnect",
  "OB-11": "a PUBREC with a failure goes on",
  "OB-14": "an unknown PUBREC closes the connection",
  "RT-03": "a resend carries DUP 0",
  "RT-11": "more is resent than the new Receive Maximum allows",
  "SB-19": "an option of an old subscription outlives its replacement",
  "SE-01": "an absent Session Expiry Interval never ends",
  "SE-02": "an interval of 0xFFFFFFFF is a moment",
  "SE-06": "a shortened Session Expiry Interval is not told",
  "SE-11": "the interval of a DISCONNECT is judged by the one in force",
  "WL-07": "a DISCONNECT with Will deletes it",
  "WL-08": "a close by the server deletes the Will",
  "WL-13": "the Will is not published at a takeover",
};

const RULES = "src/machine/rules";

/** Rows whose rule is taken out for them alone. */
const OWN: readonly Omit<ChosenFault, "name">[] = [
  {
    breaks: "CL-04",
    file: `${RULES}/connecting.ts`,
    text: "if (packet.receiveMaximum === 0 || packet.maximumPacketSize === 0)",
    replacement: "if (packet.receiveMaximum === 0)",
  },
  {
    breaks: "CL-05",
    file: `${RULES}/outbound.ts`,
    text: 'resumeTooLarge: { row: "O18", next: "done", tells: "tooLarge", quarantines: "always" }',
    replacement: 'resumeTooLarge: { row: "O18", next: "done", tells: "tooLarge" }',
  },
  {
    breaks: "FC-07",
    file: `${RULES}/connecting.ts`,
    text: "if (packet.receiveMaximum === 0 || packet.maximumPacketSize === 0)",
    replacement: "if (packet.maximumPacketSize === 0)",
  },
  {
    breaks: "FC-11",
    file: `${RULES}/publishing.ts`,
    text: "if (connection.version === 5 && counts && exceedsReceiveMaximum(",
    replacement: "if (connection.version === 4 && counts && exceedsReceiveMaximum(",
  },
  {
    breaks: "IB-06",
    file: `${RULES}/publishing.ts`,
    text: "if (isHeld) return answerHeld(",
    replacement: "if (isHeld && packet.qos === 1) return answerHeld(",
  },
  {
    breaks: "ID-16",
    file: `${RULES}/publishing.ts`,
    text: "packet.qos > 0 ? !isPacketId(packet.packetId) : packet.dup",
    replacement: "packet.qos > 0 ? false : packet.dup",
  },
  {
    breaks: "LC-21",
    file: `${RULES}/ending.ts`,
    text: "if (tells) {",
    replacement: "if (tells && ending.reasonCode === 0) {",
  },
  {
    breaks: "OB-16",
    file: `${RULES}/outbound.ts`,
    text: 'pubrec: { row: "O11", next: "awaitPubcomp", sends: "pubrel" }',
    replacement: 'pubrec: { row: "O11", next: "awaitPubcomp" }',
  },
  {
    breaks: "SB-10",
    file: "src/routing/resolve.ts",
    text: "!(match.subscription.noLocal && match.clientId === message.publisher)",
    replacement: "true",
  },
  {
    breaks: "SB-12",
    file: `${RULES}/subscribing.ts`,
    text: "if (subscription.qos > 2 || subscription.retainHandling > 2)",
    replacement: "if (subscription.retainHandling > 3)",
  },
  {
    breaks: "SB-18",
    file: `${RULES}/publishing.ts`,
    text: '(role === "server" || identifiers.includes(0))',
    replacement: "identifiers.includes(0)",
  },
  {
    breaks: "SB-30",
    file: `${RULES}/subscribing.ts`,
    text: ": REASON.noSubscriptionExisted;",
    replacement: ": REASON.success;",
  },
  {
    breaks: "SE-04",
    file: `${RULES}/lifecycle.ts`,
    text: "sentLimit: head.sentLimit + (stored.head.attached ? 0 : terms.sendAhead),",
    replacement: "endsAfterMs: head.endsAfterMs, sentLimit: head.sentLimit + terms.sendAhead,",
  },
  {
    breaks: "SE-08",
    file: `${RULES}/disconnecting.ts`,
    text: "const sessionExpiryInterval = interval === undefined",
    replacement: "const sessionExpiryInterval = interval !== null",
  },
  {
    breaks: "WL-06",
    file: `${RULES}/lifecycle.ts`,
    text: 'disconnectNormal: { row: "S9", will: "delete"',
    replacement: 'disconnectNormal: { row: "S9", will: "byDelay"',
  },
  {
    breaks: "WL-12",
    file: `${RULES}/lifecycle.ts`,
    text: 'goesOn: { row: "S3", resumed: true, endsStored: false, will: "publishIfDue" }',
    replacement: 'goesOn: { row: "S3", resumed: true, endsStored: false, will: "publish" }',
  },
];

/** All rows whose rule can be taken out. Throws a `RangeError` when a chosen fault has another name by now. */
export function rulesOut(): readonly RuleOut[] {
  const chosen = Object.entries(CHOSEN).map(([row, name]) => {
    const fault = CHOSEN_FAULTS.find((each) => each.name === name);
    if (fault === undefined) throw new RangeError(`Cannot take out the rule of ${row}: no fault is called "${name}"`);
    return { row, fault };
  });
  const own = OWN.map((fault) => ({ row: fault.breaks, fault: { name: `without ${fault.breaks}`, ...fault } }));
  return [...chosen, ...own].toSorted((a, b) => a.row < b.row ? -1 : 1);
}
