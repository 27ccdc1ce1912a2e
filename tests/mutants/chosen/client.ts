import type { ChosenFault } from "../mutant.ts";

const RULES = "src/machine/rules";
const CLIENT = "src/runtime/client";

/** Faults of the client's end. */
export const CLIENT_FAULTS: readonly ChosenFault[] = [
  {
    name: "a clean start that did not succeed is not repeated",
    file: `${RULES}/client_connecting.ts`,
    text:
      'return connect.protocolVersion === 5 || head.sessionExpiryInterval === 0 ? "connectCleanPending" : "connect";',
    replacement: 'return "connect";',
    breaks: "C3, LC-31",
  },
  {
    name: "the client's own clock never ends a session",
    file: `${RULES}/client_connecting.ts`,
    text: 'return isOver ? "connectExpired" : "connect";',
    replacement: 'return "connect";',
    breaks: "P18, SE-14",
  },
  {
    name: "the client sends more than the server's Receive Maximum",
    file: `${RULES}/client_connecting.ts`,
    text: "connection.sendQuota = Math.min(packet.receiveMaximum ?? 65_535, state.limits.maximumInFlight);",
    replacement: "connection.sendQuota = state.limits.maximumInFlight;",
    breaks: "trap 48",
  },
  {
    name: "Server Keep Alive is not taken",
    file: `${RULES}/client_connecting.ts`,
    text: "own.keepAliveMs = packet.serverKeepAlive * 1_000;",
    replacement: "own.keepAliveMs += packet.serverKeepAlive * 0;",
    breaks: "KA-07",
  },
  {
    name: "PUBREL of released messages is not sent again by a client",
    file: `${RULES}/client_connecting.ts`,
    text: "if (row.resends === true) resumeReleased(connection, durable, out);",
    replacement: "",
    breaks: "C6, O16",
  },
  {
    name: "what was never sent is lost with the session",
    file: `${RULES}/client_state.ts`,
    text: 'part.lostThrough = state.policy.unsentOnSessionLoss === "keep" ? part.startedThrough : part.tail;',
    replacement: "part.lostThrough = part.tail;",
    breaks: "P16",
  },
  {
    name: "what is published without a connection counts as sent after a page died",
    file: `${RULES}/client_publishing.ts`,
    text: "if (!isOnline && durable.head.sentLimit > started)",
    replacement: "if (isOnline && durable.head.sentLimit > started)",
    breaks: "P16, D3",
  },
  {
    name: "a message above Maximum QoS is stored by a client that is connected",
    file: `${RULES}/client_publishing.ts`,
    text: "const reasonCode = isUnsupported(connection, message)",
    replacement: "const reasonCode = message.retain && isUnsupported(connection, message)",
    breaks: "CL-11",
  },
  {
    name: "identifiers of requests may be those of messages in flight",
    file: `${RULES}/client_requests.ts`,
    text:
      "if (connection.window.isTaken(packetId) || durable.quarantine.has(packetId) || promised.has(packetId)) continue;",
    replacement: "if (durable.quarantine.has(packetId)) continue;",
    breaks: "ID-05",
  },
  {
    name: "identifiers that the server may hold are taken again in the same session",
    file: `${RULES}/client_connecting.ts`,
    text: "if (!sessionPresent) freeIdentifiers(durable, out);",
    replacement: "freeIdentifiers(durable, out);",
    breaks: "CL-05",
  },
  {
    name: "the session is let go of as if all of the log had been sent",
    file: "src/machine/client_session.ts",
    text: "return { ...durable.head, attached: false, sentLimit: ofClient.part.startedThrough };",
    replacement: "return { ...durable.head, attached: false, sentLimit: ofClient.part.tail };",
    breaks: "P16",
  },
  {
    name: "what the application has taken stays in the inbox",
    file: `${CLIENT}/inbox.ts`,
    text: "if (sequence > 0) {",
    replacement: "if (sequence > 1) {",
    breaks: "handed over once",
  },
  {
    name: "what is not taken is passed over",
    file: `${CLIENT}/inbox.ts`,
    text: "this.#options.failed(error);",
    replacement: "this.#options.failed(error), this.#waiting.shift();",
    breaks: "handed over at least once",
  },
  {
    name: "a client that takes a session supersedes nobody",
    file: `${CLIENT}/opening.ts`,
    text: "raiseEpoch: { token: environment.randomId() },",
    replacement: "",
    breaks: "G1",
  },
  {
    name: "a client takes the inbox of a session that is another page's by then",
    file: `${CLIENT}/opening.ts`,
    text: "?.guard.epoch === session.guard.epoch;",
    replacement: "?.guard.epoch !== undefined;",
    breaks: "G1",
  },
  {
    name: "a CONNECT leaves without a commit",
    file: `${RULES}/client_connecting.ts`,
    text: "    putHead(durable, durable.head, out);",
    replacement: "",
    breaks: "C3",
  },
];
