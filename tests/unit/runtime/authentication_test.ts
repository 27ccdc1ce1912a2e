/** What a host must not answer to an authentication, and what becomes of a client of one that does. */
import assert from "node:assert/strict";
import type { Authentication, BrokerOptions } from "../../../mod.ts";
import { world } from "./support.ts";

const METHOD = "CHALLENGE";
const LIMITS = { authenticationMethods: [METHOD] };

/** The misuse that is told of a host with this answer; the client is refused. */
async function misuse(answer: unknown, method?: string, options: Partial<BrokerOptions> = {}): Promise<string> {
  const { connect, of } = world({ limits: LIMITS, ...options, authenticate: () => answer as Authentication });
  const client = await connect("a", method === undefined ? {} : { authenticationMethod: method });
  const [packet] = client.got;
  assert.deepEqual(packet?.type === "connack" && packet.reasonCode, 0x80);
  assert.equal(client.closed, true);
  const [failed] = of("workFailed");
  return failed?.type === "workFailed" ? String(failed.error) : "nothing";
}

Deno.test("an answer that makes no sense refuses the client, and is told", async () => {
  assert.match(await misuse(undefined), /TypeError: Cannot authenticate: the host gave no verdict/);
  assert.match(await misuse({ ok: "continue", next: () => ({ ok: true }) }), /CONNECT named no method/);
  assert.match(await misuse({ ok: "continue" }, METHOD), /next is none/);
  assert.match(await misuse({ ok: true, limits: { maximumQoS: 7 } }), /RangeError|TypeError/);
  assert.match(await misuse({ ok: true, limits: { retainAvailable: true } }), /offer what this broker does not/);
  const unshared = { limits: { ...LIMITS, sharedSubscriptionAvailable: false } };
  const offers = { ok: true, limits: { sharedSubscriptionAvailable: true } };
  assert.match(await misuse(offers, undefined, unshared), /offer what this broker does not/);
  assert.match(await misuse({ ok: true, quota: { sessions: -1 } }), /RangeError/);
});

Deno.test("who authenticates again stays who it was; where nobody can be asked it is refused", async () => {
  const accepts = (): Authentication => ({ ok: true, principal: "p" });
  const again = { type: "auth", reasonCode: 0x19, authenticationMethod: METHOD } as const;
  const answers = { none: undefined, same: accepts, other: (): Authentication => ({ ok: true, principal: "q" }) };
  for (const [name, reauthenticate] of Object.entries(answers)) {
    const options = { limits: LIMITS, authenticate: accepts };
    const { connect } = world(reauthenticate === undefined ? options : { ...options, reauthenticate });
    const client = await connect("a", { authenticationMethod: METHOD });
    await client.send(again);
    const last = client.last();
    const expected = name === "same" ? ["auth", 0] : ["disconnect", 0x87];
    assert.deepEqual(last !== undefined && "reasonCode" in last && [last.type, last.reasonCode], expected, name);
  }
});

Deno.test("the shortest interval may not be longer than the longest", () => {
  assert.throws(
    () => world({ limits: { minimumSessionExpiryInterval: 10, maximumSessionExpiryInterval: 5 } }),
    RangeError,
  );
});
