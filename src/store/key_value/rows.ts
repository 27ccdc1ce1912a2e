/** The small records beside the head that only the owner writes, and the index rows that name a client or a node. */
import type { OutboundMark } from "../../machine/snapshot.ts";
import { isPacketId } from "../../mqtt/packet_id.ts";
import type { Will } from "../../mqtt/will.ts";
import { decodeRecord, RECORD_KIND, recordWriter } from "../encoding.ts";
import { readWill, writeWill } from "../records/message.ts";
import { type ChunkRef, readChunkRef, writeChunkRef } from "./chunk_ref.ts";
import { readPacketIds, writePacketIds } from "../records/packet_ids.ts";

const PHASES = ["sent", "released"] as const;

/** The Packet Identifiers of a session that no other record tells. */
export interface PacketIdsRecord {
  readonly inbound: ReadonlySet<number>;
  readonly quarantine: ReadonlySet<number>;
}

/** Writes the Packet Identifiers. */
export function encodePacketIds(ids: PacketIdsRecord): Uint8Array {
  const writer = recordWriter(RECORD_KIND.packetIds);
  writePacketIds(writer, ids.inbound);
  writePacketIds(writer, ids.quarantine);
  return writer.finish();
}

/** Reads the Packet Identifiers. */
export function decodePacketIds(key: string, bytes: Uint8Array): PacketIdsRecord {
  return decodeRecord(key, bytes, RECORD_KIND.packetIds, (reader) => ({
    inbound: readPacketIds(reader),
    quarantine: readPacketIds(reader),
  }));
}

/** Writes the version of the latest commit that changed a row of the owner. */
export function encodeRevision(version: number): Uint8Array {
  return recordWriter(RECORD_KIND.revision).number(version).finish();
}

/** Reads the version of the latest commit that changed a row of the owner. */
export function decodeRevision(key: string, bytes: Uint8Array): number {
  return decodeRecord(key, bytes, RECORD_KIND.revision, (reader) => reader.number());
}

/** Writes a mark. */
export function encodeMark(mark: OutboundMark): Uint8Array {
  const writer = recordWriter(RECORD_KIND.mark);
  return writer.number(mark.packetId).number(PHASES.indexOf(mark.phase)).number(mark.pubrecOrder).finish();
}

/** Reads a mark. */
export function decodeMark(key: string, bytes: Uint8Array): OutboundMark {
  return decodeRecord(key, bytes, RECORD_KIND.mark, (reader) => {
    const packetId = reader.number();
    if (!isPacketId(packetId)) reader.refuse("a Packet Identifier is none");
    return { packetId, phase: reader.word(PHASES), pubrecOrder: reader.number() };
  });
}

/** Writes a Will, or where it stands. */
export function encodeWill(will: Will | ChunkRef): Uint8Array {
  const writer = recordWriter(RECORD_KIND.will).flags("chunks" in will);
  if ("chunks" in will) writeChunkRef(writer, will);
  else writeWill(writer, will);
  return writer.finish();
}

/** Reads a Will, or where it stands. */
export function decodeWill(key: string, bytes: Uint8Array): Will | ChunkRef {
  return decodeRecord(key, bytes, RECORD_KIND.will, (reader) => {
    const [isStaged] = reader.flags(1);
    return isStaged ? readChunkRef(reader) : readWill(reader);
  });
}

/** Writes the lease of a node. */
export function encodeNode(node: NodeRecord): Uint8Array {
  return recordWriter(RECORD_KIND.node).text(node.nodeId).number(node.until).finish();
}

/** The lease of a node. */
export interface NodeRecord {
  readonly nodeId: string;
  readonly until: number;
}

/** Reads the lease of a node. */
export function decodeNode(key: string, bytes: Uint8Array): NodeRecord {
  return decodeRecord(key, bytes, RECORD_KIND.node, (reader) => ({ nodeId: reader.text(), until: reader.number() }));
}

/** Writes the name of a client: what a row of an index by node holds. */
export function encodeClient(clientId: string): Uint8Array {
  return recordWriter(RECORD_KIND.client).text(clientId).finish();
}

/** Reads the name of a client. */
export function decodeClient(key: string, bytes: Uint8Array): string {
  return decodeRecord(key, bytes, RECORD_KIND.client, (reader) => reader.text());
}
