/** What a row of the due index says: its key holds the moment. */
import { type ByteReader, decodeRecord, RECORD_KIND, recordWriter, unreadable } from "../encoding.ts";

const TYPES = ["session", "outbox", "sweep", "staged"] as const;

/** Something to look at when its moment has come. */
export type DueRow =
  | { readonly type: "session"; readonly clientId: string }
  | { readonly type: "outbox"; readonly outboxId: string }
  /** The rows of an ended session, and its last batch with what that answered. */
  | {
    readonly type: "sweep";
    readonly clientId: string;
    readonly incarnation: string;
    readonly lastBatchId: string;
    readonly lastOutcomes: Uint8Array;
  }
  /** Parts of a value that no commit has made visible. */
  | {
    readonly type: "staged";
    /** The incarnation, or the outbox, that they belong to. */
    readonly owner: string;
    readonly prefix: string;
    readonly chunks: number;
  };

/** Writes a due row. */
export function encodeDue(row: DueRow): Uint8Array {
  const writer = recordWriter(RECORD_KIND.due).number(TYPES.indexOf(row.type));
  switch (row.type) {
    case "session":
      return writer.text(row.clientId).finish();
    case "outbox":
      return writer.text(row.outboxId).finish();
    case "sweep":
      writer.text(row.clientId).text(row.incarnation);
      return writer.text(row.lastBatchId).bytes(row.lastOutcomes).finish();
    case "staged":
      return writer.text(row.owner).text(row.prefix).number(row.chunks).finish();
    default:
      return row satisfies never;
  }
}

/** Reads a due row. */
export function decodeDue(key: string, bytes: Uint8Array): DueRow {
  return decodeRecord(key, bytes, RECORD_KIND.due, readDue);
}

/**
 * Sees to it that the parts that a row names are its own, before anything is swept by it: its key ends with their owner and
 * the id of the value.
 */
export function checkParts(key: string, row: DueRow): void {
  if (row.type !== "staged") return;
  const [id, owner] = key.split("/").reverse();
  const isOwn = /^[!-~]+$/.test(row.prefix) && row.prefix.endsWith(`/${owner}/staged/${id}/`);
  if (!isOwn) throw unreadable(key, "it names parts that are not its own");
}

function readDue(reader: ByteReader): DueRow {
  const type = reader.word(TYPES);
  switch (type) {
    case "session":
      return { type, clientId: reader.text() };
    case "outbox":
      return { type, outboxId: reader.text() };
    case "sweep":
      return {
        type,
        clientId: reader.text(),
        incarnation: reader.text(),
        lastBatchId: reader.text(),
        lastOutcomes: reader.bytes(),
      };
    case "staged":
      return { type, owner: reader.text(), prefix: reader.text(), chunks: reader.number() };
    default:
      return type satisfies never;
  }
}
