/** What a client does that no client may, or hardly ever: the server must close, answer or bear it, and others not notice. */
import type { ClientPacket } from "../../../mod.ts";
import type { RUDENESS } from "../plan/plan.ts";
import { bytes, type Client } from "./client.ts";

type Rudeness = (typeof RUDENESS)[number];

const PUBLISH = { type: "publish", qos: 1, retain: false, dup: false, properties: {} } as const;

/** The packets of a rudeness; how many a flood has is given. */
export function rudePackets(client: Client, how: Rudeness, flood: number, text: () => string): readonly ClientPacket[] {
  const packetId = client.freeId();
  switch (how) {
    case "unknownPuback":
      return [{ type: "puback", packetId: 65_000, reasonCode: 0 }];
    case "unknownPubrec":
      return [{ type: "pubrec", packetId: 65_001, reasonCode: 0 }];
    case "unknownPubrel":
      return [{ type: "pubrel", packetId: 65_002, reasonCode: 0 }];
    case "unknownPubcomp":
      return [{ type: "pubcomp", packetId: 65_003, reasonCode: 0 }];
    case "secondConnect":
      return [{ type: "connect", protocolVersion: 5, clientId: client.name, cleanStart: false, keepAlive: 0 }];
    case "emptyTopic":
      return [{ ...PUBLISH, packetId, topic: "", payload: bytes(text()) }];
    case "wildcardTopic":
      return [{ ...PUBLISH, packetId, topic: "t/#", payload: bytes(text()) }];
    case "badFilter":
      return [{
        type: "subscribe",
        packetId,
        subscriptions: [{ filter: "t/#/x", qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
      }];
    case "floods":
      return Array.from({ length: flood }, (_, index) => ({
        ...PUBLISH,
        qos: 2 as const,
        packetId: 50_000 + index,
        topic: "t/0",
        payload: bytes(text()),
      }));
    case "unknownAlias":
      return [{ ...PUBLISH, packetId, topic: "", topicAlias: 9, payload: bytes(text()) }];
    case "subscribesWithZero":
      return [{ type: "subscribe", packetId: 0, subscriptions: [] }];
    case "raisesExpiry":
      return [{ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 60 }];
    case "reusesIdentifier":
      return [
        { ...PUBLISH, qos: 2, packetId: 49_000, topic: "t/0", payload: bytes(text()) },
        { ...PUBLISH, qos: 1, packetId: 49_000, topic: "t/0", payload: bytes(text()) },
        { ...PUBLISH, qos: 2, packetId: 49_000, topic: "t/0", payload: bytes(text()) },
      ];
    case "refusesMessage":
      return [
        { type: "puback", packetId: 1, reasonCode: client.plan.version === 5 ? 0x83 : 0 },
        { type: "pubrec", packetId: 2, reasonCode: client.plan.version === 5 ? 0x97 : 0 },
      ];
    case "neverAnswers":
      client.neverAnswers = true;
      return [];
    default:
      return how satisfies never;
  }
}
