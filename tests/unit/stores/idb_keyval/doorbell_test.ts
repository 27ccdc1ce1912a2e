import assert from "node:assert/strict";
import { type SessionBroker, sessionBroker } from "../../../../mod.ts";
import { Doorbell } from "../../../../src/stores/idb_keyval/doorbell.ts";
import { indexedDbStore } from "../../../../src/stores/idb_keyval/mod.ts";
import type { BroadcastChannelLike, IndexedDbPlatform } from "../../../../src/stores/idb_keyval/platform.ts";
import { DATABASE, freshPlatform } from "./kit.ts";

type Listener = (event: { readonly data: unknown }) => void;

/** Channels of one browser, which deliver at once. */
function channels() {
  const open = new Set<{ readonly name: string; readonly listeners: Listener[] }>();
  class Channel implements BroadcastChannelLike {
    readonly name: string;
    readonly listeners: Listener[] = [];
    constructor(name: string) {
      this.name = name;
      open.add(this);
    }
    postMessage(data: unknown): void {
      for (const other of open) {
        if (other === this || other.name !== this.name) continue;
        for (const listener of other.listeners) listener({ data: structuredClone(data) });
      }
    }
    addEventListener(_: "message", listener: Listener): void {
      this.listeners.push(listener);
    }
    close(): void {
      open.delete(this);
    }
  }
  return { open, BroadcastChannel: Channel };
}

function doorbellOf(platform: IndexedDbPlatform, name = "d", watched = ""): Doorbell {
  return new Doorbell({ name, platform: () => platform, watched });
}

/** What a watch has told. */
function listen(doorbell: Doorbell, key: string) {
  const stop = new AbortController();
  const heard = { times: 0, next: Promise.withResolvers<void>() };
  const ended = (async () => {
    for await (const _ of doorbell.watch(key, stop.signal)) {
      heard.times++;
      heard.next.resolve();
      heard.next = Promise.withResolvers();
    }
  })();
  return { heard, ended, stop: () => stop.abort() };
}

Deno.test("who watches a key hears of writes by its own page and by others, and of no other key", async () => {
  const { open, BroadcastChannel } = channels();
  const platform: IndexedDbPlatform = { BroadcastChannel };
  const [own, other, stranger] = ["d", "d", "e"].map((name) => doorbellOf(platform, name)) as [
    Doorbell,
    Doorbell,
    Doorbell,
  ];
  const { heard, ended, stop } = listen(own, "a");
  for (const doorbell of [own, other]) {
    const { promise } = heard.next;
    doorbell.ring(["b"]);
    doorbell.ring(["b", "a"]);
    await promise;
  }
  stranger.ring(["a"]);
  own.ring([]);
  assert.equal(heard.times, 2);
  stop();
  await ended;
  for (const doorbell of [own, other, stranger]) doorbell.close();
  assert.equal(open.size, 0);
});

Deno.test("several writes may be told at once, and one while the last is told is told anew", async () => {
  const doorbell = doorbellOf({});
  const stop = new AbortController();
  const watch = doorbell.watch("a", stop.signal);
  const first = watch.next();
  doorbell.ring(["a"]);
  doorbell.ring(["a"]);
  assert.equal((await first).done, false);
  doorbell.ring(["a"]);
  assert.equal((await watch.next()).done, false);
  const last = watch.next();
  stop.abort();
  assert.equal((await last).done, true);
});

Deno.test("what others say on the channel is no harm", async () => {
  const { BroadcastChannel } = channels();
  const doorbell = doorbellOf({ BroadcastChannel });
  const { heard, ended } = listen(doorbell, "a");
  const stranger = new BroadcastChannel("edge-mqtt-session/d");
  const same = new BroadcastChannel("d");
  for (const said of [undefined, "a", { a: 1 }, [{}], [1]]) same.postMessage(said);
  stranger.postMessage(["a"]);
  const { promise } = heard.next;
  same.postMessage(["a"]);
  await promise;
  assert.equal(heard.times, 1);
  doorbell.close();
  await ended;
});

Deno.test("of keys that nobody would watch nothing is said", () => {
  const { BroadcastChannel } = channels();
  const said: unknown[] = [];
  new BroadcastChannel("d").addEventListener("message", ({ data }) => said.push(data));
  const doorbell = doorbellOf({ BroadcastChannel }, "d", "bell/");
  doorbell.ring(["gate/c", "head/c"]);
  doorbell.ring(["gate/c", "bell/n"]);
  assert.deepEqual(said, [["bell/n"]]);
  doorbell.close();
});

Deno.test("a watch that was ended before it began, or of what is closed, tells nothing", async () => {
  const doorbell = doorbellOf({});
  assert.deepEqual(await Array.fromAsync(doorbell.watch("a", AbortSignal.abort())), []);
  doorbell.close();
  doorbell.ring(["a"]);
  assert.deepEqual(await Array.fromAsync(doorbell.watch("a", new AbortController().signal)), []);
});

Deno.test("two brokers in two pages tell each other of news at once, without polling", async () => {
  const platform = { ...freshPlatform(), ...channels() };
  const stores = ["a", "b"].map(() => indexedDbStore({ database: DATABASE, platform }));
  const brokers = stores.map((store, index) => sessionBroker({ store, nodeId: `n${index}`, doorbellPollMs: 0 }));
  const [a, b] = brokers as [SessionBroker, SessionBroker];
  for (const broker of brokers) broker.start();
  const connect = { type: "connect", protocolVersion: 5, cleanStart: true, keepAlive: 0 } as const;
  const filter = { filter: "t", qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  const subscribed = Promise.withResolvers<void>();
  const heard = Promise.withResolvers<string>();
  try {
    const subscriber = b.accept({
      send: (packet) => {
        if (packet.type === "suback") subscribed.resolve();
        if (packet.type === "publish") heard.resolve(new TextDecoder().decode(packet.payload));
      },
      close: () => {},
    });
    await subscriber.receive([
      { ...connect, clientId: "s" },
      { type: "subscribe", packetId: 1, subscriptions: [filter] },
    ]);
    await subscribed.promise;
    await a.publish({ topic: "t", payload: new TextEncoder().encode("news"), qos: 1 });
    assert.equal(await heard.promise, "news");
  } finally {
    await Promise.all(brokers.map((broker) => broker.shutdown()));
    await Promise.all(stores.map((store) => store.close()));
  }
});
