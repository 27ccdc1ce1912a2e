import type { ChosenFault } from "../mutant.ts";

const ADMIN = "src/admin";

/** Faults of administration, and of what moves sessions between stores. */
export const ADMIN_FAULTS: readonly ChosenFault[] = [
  {
    name: "administration changes a session beside its owner",
    file: `${ADMIN}/session_change.ts`,
    text: "...(raises ? { raiseEpoch: { token: environment.randomId() } } : {}),",
    replacement: "",
    breaks: "D6",
  },
  {
    name: "a purge takes what was started",
    file: `${ADMIN}/queue_purge.ts`,
    text: "after = released.head.sentLimit;",
    replacement: "after = 0;",
    breaks: "G7",
  },
  {
    name: "a purge takes what a connected client is to be sent again",
    file: "src/machine/rules/administering.ts",
    text: "const isThere = sequence > startedThrough &&",
    replacement: "const isThere = sequence > startedThrough - startedThrough &&",
    breaks: "G7",
  },
  {
    name: "a page that was read before a purge brings back what was purged",
    file: "src/machine/rules/page.ts",
    text: " || connection.purged.has(message.sequence)",
    replacement: "",
    breaks: "the purge",
  },
  {
    name: "a change of a connected client's session is told before it is stored",
    file: "src/runtime/orders.ts",
    text: "if (own.length > 0) return () => done(own);",
    replacement: "if (own.length > 0) done(own);",
    breaks: "G4",
  },
  {
    name: "a session that changed while it was exported counts as whole",
    file: `${ADMIN}/export.ts`,
    text: "now.version === image.version;",
    replacement: "now.version >= 0;",
    breaks: "the export",
  },
  {
    name: "an import takes lines that were changed",
    file: `${ADMIN}/export_line.ts`,
    text: "if (await sumOf(this.#sum, `${start}}`) !== sum) {",
    replacement: "if (await sumOf(this.#sum, `${start}}`) === undefined) {",
    breaks: "the export",
  },
  {
    name: "a session that a connection owned is imported as owned",
    file: `${ADMIN}/import.ts`,
    text: "if (!snapshot.head.attached) return image;",
    replacement: "if (snapshot.head.connectedAt >= 0) return image;",
    breaks: "the import",
  },
  {
    name: "key-value: a restored log gives sequences away again",
    file: "src/store/key_value/restore.ts",
    text: "tail: image.tail,",
    replacement: "tail: log.count,",
    breaks: "D2",
  },
];
