import assert from "node:assert/strict";
import { memoryStore } from "../../../../src/stores/memory.ts";
import { acquired, request } from "../../store/key_value/kit.ts";

Deno.test("page by page every session is named once, in whatever order they began", async () => {
  const store = memoryStore();
  const begun = ["d", "b", "e", "a", "c"];
  for (const clientId of begun) await acquired(store, request(clientId, "1"));
  for (const limit of [1, 2, 4, 5, 6]) {
    const named: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await store.directory.list({ limit, ...(cursor === undefined ? {} : { cursor }) });
      named.push(...page.sessions.map(({ clientId }) => clientId));
      cursor = page.cursor;
      pages++;
    } while (cursor !== undefined);
    assert.deepEqual(named.toSorted(), begun.toSorted());
    assert.equal(pages, Math.ceil(begun.length / limit), "no page comes without a session");
  }
});
