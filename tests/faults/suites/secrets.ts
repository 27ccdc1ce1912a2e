/** Nothing that proves who a client is reaches the store or the observer. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import { connectPacket, publishPacket, subscribePacket, will } from "../../unit/runtime/support.ts";
import type { ReadableSubject, StoreKind } from "../support/stores.ts";
import { world } from "../support/world.ts";

const SECRETS = {
  username: "user-7c1f3a9e",
  password: "password-52b0d8c4",
  authenticationData: "proof-e91a6f27",
  // A host may be careless with whom it names as the owner.
  principal: "principal-0d4b7e35",
} as const;

/** How a text may stand among bytes. */
function formsOf(text: string): readonly Buffer[] {
  const bytes = Buffer.from(text);
  return [
    bytes,
    Buffer.from(text, "utf16le"),
    Buffer.from(bytes.toString("hex")),
    Buffer.from(bytes.toString("base64").replace(/=+$/, "").slice(0, -1)),
    Buffer.from([...text].reverse().join("")),
  ];
}

function assertFree(bytes: Buffer, where: string): void {
  for (const [what, secret] of Object.entries(SECRETS)) {
    for (const form of formsOf(secret)) assert.equal(bytes.includes(form), false, `${what} in ${where}`);
  }
}

/** Tests it on one kind of store. */
export function secrets({ name, make }: StoreKind<ReadableSubject>): void {
  Deno.test(`${name}: no user name, password, authentication data or principal is in any key, value or event [G6]`, async () => {
    await using subject = await make();
    const texts: string[] = [];
    const here = world(subject.store, {
      authenticate: ({ clientId }) =>
        clientId === "denied" ? { ok: false, reasonCode: 0x86 } : { ok: true, principal: SECRETS.principal },
      observe: (event) => texts.push(inspect(event, { depth: 20 })),
      commit: { timeoutMs: 1_000, repeatForMs: 3_000, repeatAfterMs: 100 },
    });
    const credentials = {
      username: SECRETS.username,
      password: new TextEncoder().encode(SECRETS.password),
      will: will("will", 100),
    };
    const authenticationData = new TextEncoder().encode(SECRETS.authenticationData);
    const method = { authenticationMethod: "SCRAM-SHA-1", authenticationData };
    const scan = async (when: string) => {
      const rows = await subject.rows.all();
      assert.equal(rows.length > 5, true);
      const bytes = rows.flatMap(({ key, value }) => [Buffer.from(key), Buffer.from([0]), Buffer.from(value)]);
      assertFree(Buffer.concat(bytes), `the store ${when}`);
      assert.equal(Buffer.concat(bytes).includes("payload-4a"), true, "the search finds what is stored");
    };
    const subscriber = await here.connect("sub", credentials);
    await subscriber.send(subscribePacket(1, "#"));
    await subscriber.drop();
    const client = await here.connect("c", credentials);
    await client.send(publishPacket("t", 2, 1, "payload-4a"), subscribePacket(2, "x"));
    await scan("while connected");
    await here.connect("c", credentials);
    await here.connect("denied", credentials);
    await here.connect("enhanced", { ...credentials, ...method });
    const auth = await here.connect("auth", credentials);
    await auth.send({ type: "auth", reasonCode: 0x19, ...method });
    // Faults tell what they met.
    here.faults.inject({ call: "commit", fault: "failsAfter", times: 2 });
    const failing = await here.connect("failing", credentials);
    await failing.send(publishPacket("t", 1, 1, "payload-4b"));
    await here.pass(5_000);
    here.faults.inject({ call: "acquire", fault: "failsUnknown", times: Infinity });
    await here.client().send(connectPacket("unlucky", credentials));
    await here.pass(5_000);
    here.faults.heal();
    await here.runDue();
    await scan("after faults");
    await here.broker.shutdown();
    await scan("after the end");
    assert.equal(texts.length > 10, true);
    assertFree(Buffer.from(texts.join("\n")), "an event");
  });
}
