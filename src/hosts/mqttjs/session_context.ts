import type { Link } from "./link.ts";
import type { MqttJsEvent } from "./observe.ts";
import type { PacketForm } from "./packets.ts";

/** What both stores of a session share. */
export interface SessionContext {
  readonly clientId: string;
  readonly link: Link;
  readonly observe: (event: MqttJsEvent) => void;
  readonly now: () => number;
  readonly queue: { readonly maximumMessages: number; readonly maximumBytes: number };
  readonly whenSessionLost: "discard" | "resend";
  /** Of the latest PUBREC. */
  readonly pubrecs: { last: number };
  /** How stored messages become packets. */
  readonly packetForm: () => Omit<PacketForm, "messageId">;
  /** Nobody uses a Packet Identifier any more. */
  readonly freeId: (messageId: number) => void;
}
