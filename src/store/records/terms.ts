/**
 * The terms under which an entry waits, as far as the log has to keep them: the bounds of a group come with each copy.
 *
 * @module
 */
import type { ByteReader, ByteWriter } from "../encoding.ts";
import type { LoggedTerms } from "../waiting_terms.ts";

/** Writes terms. */
export function writeTerms(writer: ByteWriter, { slot, group, priority = 0 }: LoggedTerms): void {
  writer.flags(slot !== undefined, group !== undefined).number(priority);
  if (slot !== undefined) writer.text(slot);
  if (group !== undefined) writer.text(group.name);
}

/** Reads terms. */
export function readTerms(reader: ByteReader): LoggedTerms {
  const [hasSlot, hasGroup] = reader.flags(2);
  const priority = reader.number();
  return {
    ...(hasSlot ? { slot: reader.text() } : {}),
    ...(hasGroup ? { group: { name: reader.text() } } : {}),
    ...(priority === 0 ? {} : { priority }),
  };
}

/** The most bytes that terms take once they are written. */
export function termsBytes(terms: LoggedTerms | undefined): number {
  // A UTF-16 unit takes three bytes at most; the rest are two lengths, the flags and the priority.
  return terms === undefined ? 0 : 12 + 3 * ((terms.slot?.length ?? 0) + (terms.group?.name.length ?? 0));
}
