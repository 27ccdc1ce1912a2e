import assert from "node:assert/strict";
import {
  acquireEntry,
  commitEntry,
  JOURNAL_CHARACTERS,
  readJournal,
  withEntry,
} from "../../../../src/store/records/journal.ts";
import type { SessionHead } from "../../../../src/machine/snapshot.ts";

const AT = 1_700_000_000_000;
const HEAD: SessionHead = {
  protocolVersion: 5,
  attached: true,
  connectedAt: AT,
  sessionExpiryInterval: 0,
  onTakeover: "discard",
  sentLimit: 0,
};

Deno.test("what is written into a journal is read from it, oldest first", () => {
  const took = { at: AT, epoch: 7, resumed: false, nodeId: "a/b;c", superseded: "other", ended: "takenOver" } as const;
  const raiseEpoch = { token: "t" };
  let journal = withEntry("", acquireEntry(took));
  journal = withEntry(journal, commitEntry(HEAD, 7, { changes: [], now: AT }));
  journal = withEntry(journal, commitEntry(HEAD, 7, { changes: [], now: AT + 1, raiseEpoch }));
  const left = { ...HEAD, attached: false, disconnectReason: 0x8b };
  journal = withEntry(journal, commitEntry(HEAD, 8, { changes: [{ type: "putHead", head: left }], now: AT + 2 }));
  journal = withEntry(
    journal,
    commitEntry(left, 8, { changes: [{ type: "endSession", reason: "administrative" }], now: AT + 3, raiseEpoch }),
  );
  assert.deepEqual(readJournal(journal), [
    { type: "began", at: AT, epoch: 7, nodeId: "a%2fb%3bc", superseded: "other", ended: "takenOver" },
    { type: "changed", at: AT + 1, epoch: 8 },
    { type: "detached", at: AT + 2, epoch: 8, reasonCode: 0x8b, byOther: false },
    { type: "ended", at: AT + 3, epoch: 9, reason: "administrative" },
  ]);
});

Deno.test("a journal never holds more than its characters, and always the entry that came last", () => {
  let journal = "";
  for (let epoch = 1; epoch <= 100; epoch++) {
    journal = withEntry(journal, acquireEntry({ at: AT, epoch, resumed: true, nodeId: "é".repeat(epoch) }));
    assert.ok(journal.length <= JOURNAL_CHARACTERS);
    assert.equal(readJournal(journal).at(-1)?.epoch, epoch);
  }
});

Deno.test("whatever stands in a journal, reading it gives entries and no error", () => {
  for (const text of ["", ";", "x", "b;", "b//;", "e1/1/99;", "d1/1;", "r1/x/;", "zz/1/2;", "c1/1;é;c2/2;"]) {
    assert.ok(Array.isArray(readJournal(text)), text);
  }
  assert.deepEqual(readJournal("c1/1;z1/1/future;c2/2;").map(({ at }) => at), [1, 2]);
});
