/** What every packet of a server must keep to, whatever it is about: its place, its version, its codes. */
import { mayBeLetIn, whyNoAuth } from "./authentication.ts";
import { surelyBefore } from "./connection.ts";
import type { Connection } from "./connection.ts";
import type { Knowledge } from "./knowledge.ts";
import type { WirePacket } from "./observation.ts";
import { illegalCode } from "./reason_codes.ts";

/** A promise about any packet: what is wrong with this one. */
interface PacketRule {
  readonly rule: string;
  /** Whether it also holds towards a client that broke the protocol. */
  readonly always?: true;
  readonly wrong: (connection: Connection, packet: WirePacket, knowledge: Knowledge) => string | undefined;
}

const OF_CLIENTS: ReadonlySet<string> = new Set(["connect", "subscribe", "unsubscribe", "pingreq"]);

const RULES: readonly PacketRule[] = [
  {
    rule: "silence after close",
    always: true,
    wrong: (connection) => connection.isOpen ? undefined : "came after the connection was closed",
  },
  {
    rule: "silence after DISCONNECT",
    always: true,
    wrong: (connection) => connection.serverDisconnected ? "came after the server's DISCONNECT" : undefined,
  },
  {
    rule: "CONNACK first",
    always: true,
    wrong: (connection, { type }) => {
      if (connection.isAnswered || type === "connack" || type === "auth") return undefined;
      return "came before CONNACK";
    },
  },
  {
    rule: "CONNACK once",
    always: true,
    wrong: (connection, { type }) => {
      if (type !== "connack") return undefined;
      if (connection.connect === undefined) return "came without a CONNECT";
      return connection.isAnswered ? "came a second time" : undefined;
    },
  },
  {
    rule: "refused CONNECT",
    always: true,
    wrong: (connection, packet) => {
      if (packet.type !== "connack") {
        return connection.isAnswered && !connection.isAccepted ? "came after a CONNACK that refused" : undefined;
      }
      return packet.reasonCode !== 0 && packet.sessionPresent ? "refuses with Session Present 1" : undefined;
    },
  },
  {
    rule: "protocol version",
    always: true,
    wrong: (connection, packet) => {
      if (OF_CLIENTS.has(packet.type)) return "is not a server's packet";
      return connection.version === 4 ? notOf311(packet) : undefined;
    },
  },
  {
    rule: "reason code",
    always: true,
    wrong: (connection, packet) => {
      const code = illegalCode(packet, connection.version);
      return code === undefined ? undefined : `carries 0x${code.toString(16)}`;
    },
  },
  {
    rule: "DISCONNECT",
    always: true,
    wrong: (connection, packet, knowledge) => {
      if (packet.type !== "disconnect") return undefined;
      if (packet.sessionExpiryInterval !== undefined) return "carries a Session Expiry Interval";
      if (packet.reasonCode !== 0x8e) return undefined;
      const others = connection.client.connections.some((other) =>
        other !== connection && other.connect !== undefined && mayBeLetIn(knowledge, other) &&
        !surelyBefore(other, connection, knowledge.bounds)
      );
      // A node that lost the session to an administrator elsewhere cannot tell who has it.
      return others || connection.client.ends.length > 0
        ? undefined
        : "speaks of another connection, but there was none";
    },
  },
  {
    rule: "PINGRESP",
    wrong: (connection, { type }) =>
      type === "pingresp" && connection.pings.length === 0 ? "answers no PINGREQ" : undefined,
  },
  {
    rule: "AUTH",
    wrong: (connection, packet, knowledge) =>
      packet.type === "auth" ? whyNoAuth(knowledge, connection, packet) : undefined,
  },
];

function notOf311(packet: WirePacket): string | undefined {
  if (packet.type === "disconnect" || packet.type === "auth") return "does not exist in 3.1.1 from a server";
  const has = packet as unknown as Readonly<Record<string, unknown>>;
  for (const name of PROPERTIES) if (has[name] !== undefined) return `carries ${name}`;
  return undefined;
}

const PROPERTIES: readonly string[] = [
  "sessionExpiryInterval",
  "receiveMaximum",
  "maximumQoS",
  "topicAliasMaximum",
  "serverKeepAlive",
  "messageExpiryInterval",
  "topicAlias",
  "subscriptionIdentifiers",
];

/** A packet came from the server. */
export function judgePacket(knowledge: Knowledge, connection: Connection, packet: WirePacket): void {
  const { client } = connection;
  for (const { rule, always, wrong } of RULES) {
    if (client.isRude && always !== true) continue;
    const found = wrong(connection, packet, knowledge);
    if (found !== undefined) {
      knowledge.report(rule, client.name, `${packet.type.toUpperCase()} on connection ${connection.number} ${found}`);
    }
  }
}
