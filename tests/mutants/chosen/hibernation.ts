import type { ChosenFault } from "../mutant.ts";

const HIBERNATION = "src/runtime/hibernation.ts";
const SLEEPERS = "src/runtime/sleepers.ts";
const WAKING = "src/machine/rules/waking.ts";

/** Faults of connections that outlive the memory of their process. */
export const HIBERNATION_FAULTS: readonly ChosenFault[] = [
  {
    name: "packets leave while what is kept says that nothing is under way",
    file: HIBERNATION,
    text: "if (isFelt) this.#disturb();",
    replacement: "if (isFelt && requests.length > 9) this.#disturb();",
    breaks: "D1, MQTT-4.4.0-1",
  },
  {
    name: "a connection goes on from before a later commit",
    file: HIBERNATION,
    text: ' && answer.outcome === "acquired" && answer.guard.version === resumed.version) {',
    replacement: ' && answer.outcome === "acquired" && answer.guard.version >= resumed.version) {',
    breaks: "D1, D3",
  },
  {
    name: "after something was lost those that sleep are not asked what has come",
    file: HIBERNATION,
    text: "sleepers?.lookEverywhere();",
    replacement: "sleepers?.lookAtAll();",
    breaks: "idea 5",
  },
  {
    name: "names are kept however long they are",
    file: HIBERNATION,
    text: "const fits = fitsAttachment(this.#parts.self.token, clientId, this.#parts.self.principal);",
    replacement: "const fits = fitsAttachment(clientId.slice(0, 1));",
    breaks: "the bound of an attachment",
  },
  {
    name: "the first message that waits counts as sent when the connection sleeps",
    file: "src/machine/rules/resting.ts",
    text: "next.sequence - 1",
    replacement: "next.sequence",
    breaks: "D3",
  },
  {
    name: "what the client waits for is forgotten with the process",
    file: "src/machine/rules/resting.ts",
    text: "subscribe !== undefined || ",
    replacement: "",
    breaks: "MQTT-3.8.4-1",
  },
  {
    name: "a woken delivery has its derived identifier, whichever it left under",
    file: WAKING,
    text: "mark?.packetId ?? packetIdOf(sequence)",
    replacement: "packetIdOf(sequence)",
    breaks: "D3, MQTT-2.2.1-3",
  },
  {
    name: "a PUBREL of an earlier connection costs quota after a sleep, one of this connection does not",
    file: WAKING,
    text: "pubrecOrder >= firstPubrecOrder",
    replacement: "pubrecOrder < firstPubrecOrder",
    breaks: "FC-17",
  },
  {
    name: "after a sleep Receive Maximum counts what the connection has not seen",
    file: WAKING,
    text: "if (!unseen.has(packetId)) connection.unanswered",
    replacement: "if (unseen.has(packetId)) connection.unanswered",
    breaks: "FC-15",
  },
  {
    name: "a woken connection knows the first page of what is in flight",
    file: WAKING,
    text: "if (through < Math.min(resting.sentThrough, connection.tail)) {",
    replacement: "if (through < 0) {",
    breaks: "D3",
  },
  {
    name: "a reload begins a session where there is none",
    file: "src/store/key_value/acquire.ts",
    text: "if (request.isReload === true) return",
    replacement: "if (request.isReload === true && head !== undefined) return",
    breaks: "D1",
  },
  {
    name: "a PINGREQ waits for the store",
    file: "src/runtime/stepping.ts",
    text: "if (this.inbox.beginsWithPing) return",
    replacement: "if (this.inbox.beginsWithPing && this.inbox.length > 9) return",
    breaks: "issue 7",
  },
  {
    name: "a sleeping connection is not told that it was taken over",
    file: "src/runtime/acquire.ts",
    text: "sleepers?.find(superseded.token)?.supersede();",
    replacement: "sleepers?.find(superseded.token);",
    breaks: "SE-08",
  },
  {
    name: "nobody looks for what a run has left that died with its sockets, once its successor slept",
    file: SLEEPERS,
    text: "this.isUnchecked ||= attachment.isUnchecked;",
    replacement: 'this.isUnchecked ||= attachment.token === "";',
    breaks: "S17",
  },
  {
    name: "connections that are open count as lost with an earlier run",
    file: "src/runtime/lost_run.ts",
    text: "|| sleepers.isOpen(owner.token)) return undefined;",
    replacement: '|| owner.token === "") return undefined;',
    breaks: "S17",
  },
  {
    name: "a message for a group wakes none of its members",
    file: SLEEPERS,
    text: "else await this.#rouseMember(clientId);",
    replacement: "else await this.seek(clientId);",
    breaks: "SH-01",
  },
  {
    name: "a member without room keeps a group from those that sleep",
    file: "src/runtime/groups/desk.ts",
    text: "if (places.length === 0 && messages.length > 0) this.#context.sleepers?.rouse(this.clientId);",
    replacement: "if (places.length > 0 && messages.length > 999) this.#context.sleepers?.rouse(this.clientId);",
    breaks: "SH-05",
  },
  {
    name: "the last member that is awake takes the group from those that sleep",
    file: "src/runtime/groups/desk.ts",
    text: "if (here.length === 0 && isAlone)",
    replacement: "if (here.length > 0 && isAlone && count < 0)",
    breaks: "SH-05",
  },
  {
    name: "Keep Alive of a sleeping connection is that of one without CONNECT",
    file: "src/machine/state/deadlines.ts",
    text: 'connection.phase !== "online" && connection.phase !== "asleep"',
    replacement: 'connection.phase !== "online"',
    breaks: "MQTT-3.1.2-22",
  },
];
