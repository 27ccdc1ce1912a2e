import assert from "node:assert/strict";
import { SessionError } from "../../../src/errors.ts";
import {
  type LockManagerLike,
  type SoleOwner,
  soleOwner,
  soleOwnerIn,
  type SoleOwnerOptions,
} from "../../../src/runtime/sole_owner.ts";

interface Wish {
  readonly answer: (lock: unknown) => void;
  readonly refuse: (error: unknown) => void;
}

/** Web Locks of one name, as the specification tells them. */
function fakeLocks(): LockManagerLike & { readonly names: ReadonlySet<string> } {
  const names = new Set<string>();
  const waiting: Wish[] = [];
  let holder: Wish | undefined;
  const grant = (wish: Wish, callback: (lock: unknown) => unknown): void => {
    holder = wish;
    const ended = (): void => {
      if (holder === wish) holder = undefined;
      if (holder === undefined) waiting.shift()?.answer({});
    };
    // The lock is held until the promise of the callback has settled.
    Promise.resolve(callback({})).then(wish.answer, wish.refuse).finally(ended);
  };
  return {
    names,
    request: (name, { ifAvailable = false, steal = false, signal }, callback) =>
      new Promise((resolve, reject) => {
        names.add(name);
        if (signal !== undefined && (ifAvailable || steal)) throw new DOMException("", "NotSupportedError");
        const wish: Wish = { answer: resolve, refuse: reject };
        if (steal) {
          holder?.refuse(new DOMException("The lock was stolen.", "AbortError"));
          holder = undefined;
        }
        if (holder === undefined) grant(wish, callback);
        else if (ifAvailable) resolve(callback(null));
        else {
          const inLine: Wish = { ...wish, answer: () => grant(wish, callback) };
          waiting.push(inLine);
          signal?.addEventListener("abort", () => {
            waiting.splice(waiting.indexOf(inLine), 1);
            reject(signal.reason);
          });
        }
      }),
  };
}

async function own(name: string, options: SoleOwnerOptions): Promise<SoleOwner> {
  const owner = await soleOwner(name, options);
  assert.equal(owner.outcome, "owned");
  // What follows needs one that is owned.
  return owner as SoleOwner;
}

for (const whenOwned of ["take", "wait", "refuse"] as const) {
  Deno.test(`what nobody owns is owned at once: ${whenOwned}`, async () => {
    const locks = fakeLocks();
    const owner = await own("a", { whenOwned, locks });
    assert.equal(owner.lost.aborted, false);
    await owner.release();
    assert.equal(owner.lost.aborted, false);
    assert.deepEqual([...locks.names], ["edge-mqtt-session/a"]);
  });
}

Deno.test("take: the old owner hears that it has lost, and why", async () => {
  const locks = fakeLocks();
  const first = await own("a", { whenOwned: "take", locks });
  const heard = new Promise((resolve) => first.lost.addEventListener("abort", () => resolve(first.lost.reason)));
  const second = await own("a", { whenOwned: "take", locks });
  const reason = await heard;
  assert.ok(reason instanceof Error && "code" in reason && reason.code === "CLOSED", `${reason}`);
  assert.match(reason.message, /"a": another page took it over/);
  await first.release();
  assert.equal(second.lost.aborted, false, "what was lost cannot be let go of");
  assert.deepEqual(await soleOwner("a", { whenOwned: "refuse", locks }), { outcome: "refused" });
  await second.release();
});

Deno.test("wait: who waits is owner once the other lets go, in the order of asking", async () => {
  const locks = fakeLocks();
  const first = await own("a", { locks });
  const order: string[] = [];
  const wait = async (name: string): Promise<SoleOwner> => {
    const owner = await own("a", { whenOwned: "wait", locks });
    order.push(name);
    return owner;
  };
  const [second, third] = [wait("second"), wait("third")];
  order.push("first lets go");
  await first.release();
  await (await second).release();
  await (await third)[Symbol.asyncDispose]();
  assert.deepEqual(order, ["first lets go", "second", "third"]);
});

Deno.test("wait: a signal ends the waiting with its reason, and nothing is owned", async () => {
  const locks = fakeLocks();
  const first = await own("a", { locks });
  const waiting = new AbortController();
  const second = soleOwner("a", { whenOwned: "wait", locks, signal: waiting.signal });
  waiting.abort(new Error("enough"));
  await assert.rejects(second, /enough/);
  await first.release();
  await (await own("a", { whenOwned: "refuse", locks })).release();
  await assert.rejects(soleOwner("a", { locks, signal: waiting.signal }), /enough/);
});

Deno.test("a signal that aborts later takes nothing away", async () => {
  const owning = new AbortController();
  const owner = await own("a", { whenOwned: "wait", locks: fakeLocks(), signal: owning.signal });
  owning.abort();
  assert.equal(owner.lost.aborted, false);
  await owner.release();
});

Deno.test("refuse: what another owns is left to it", async () => {
  const locks = fakeLocks();
  const first = await own("a", { locks });
  assert.deepEqual(await soleOwner("a", { whenOwned: "refuse", locks }), { outcome: "refused" });
  assert.equal(first.lost.aborted, false);
  await first.release();
  await first.release();
});

Deno.test("a browser that gives this page no locks is an error that says so", async () => {
  const cause = new DOMException("opaque origin", "SecurityError");
  const locks: LockManagerLike = { request: () => Promise.reject(cause) };
  const says = (error: unknown): boolean =>
    error instanceof SessionError && error.code === "STORE_UNAVAILABLE" && error.cause === cause;
  await assert.rejects(soleOwner("a", { locks }), says);
});

Deno.test("the platform's own locks are used where it has some, and where it has none everybody is owner", async () => {
  const owner = await own(`${crypto.randomUUID()}`, {});
  await owner.release();
  const { navigator } = globalThis;
  Object.defineProperty(globalThis, "navigator", { value: undefined, configurable: true });
  try {
    const [one, other] = [await own("a", {}), await own("a", { whenOwned: "refuse" })];
    assert.equal(one.lost.aborted, false);
    await one.release();
    await other.release();
  } finally {
    Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
  }
});

Deno.test("pages of different stores do not take a session of the same client from each other", async () => {
  const first = await soleOwnerIn({ scope: "one" }, "a");
  const other = await soleOwnerIn({ scope: "other" }, "a");
  // Nobody can tell where these are: they do not ask each other.
  const unknown = await soleOwnerIn({}, "a");
  const another = await soleOwnerIn({}, "a");
  for (const owner of [first, other, unknown, another]) {
    assert.equal(owner.outcome, "owned");
    if (owner.outcome === "owned") assert.equal(owner.lost.aborted, false);
  }
  assert.ok(first.outcome === "owned");
  const lost = new Promise((resolve) => first.lost.addEventListener("abort", resolve));
  const second = await soleOwnerIn({ scope: "one" }, "a");
  await lost;
  for (const owner of [other, unknown, another, second]) if (owner.outcome === "owned") await owner.release();
});
