/** What the oracle says of sessions: whether they are there, who owns them, and how long they live. */
import { illegal, legal, publish, release, type Trace } from "./traces/trace.ts";

const PRESENT = { sessionPresent: true } as const;
const ABSENT = { sessionPresent: false } as const;
const RESUME = { cleanStart: false, connack: PRESENT } as const;

illegal("Session Present", "1 for a client that was never here", (trace) => {
  trace.connects("a", RESUME);
});
illegal("Session Present", "1 for a clean start", (trace) => {
  trace.connects("a").closes();
  trace.connects("a", { connack: PRESENT });
});
illegal("Session Present", "0 for a session that goes on", (trace) => {
  trace.connects("a").closes();
  trace.connects("a", { cleanStart: false, connack: ABSENT });
});
illegal("Session Present", "0 for a session that is taken over", (trace) => {
  trace.connects("a");
  trace.connects("a", { cleanStart: false, connack: ABSENT });
});
illegal("Session Present", "1 for a session that had to end with its connection", (trace) => {
  trace.connects("a", { sessionExpiryInterval: 0 }).closes();
  trace.connects("a", RESUME);
});
illegal("Session Present", "1 for a connection with interval 0 that is taken over", (trace) => {
  trace.connects("a", { sessionExpiryInterval: 0 });
  trace.connects("a", RESUME);
});
illegal("Session Present", "1 after a 3.1.1 client with Clean Session 1", (trace) => {
  trace.connects("a", { protocolVersion: 4 }).closes();
  trace.connects("a", { protocolVersion: 4, ...RESUME });
});
illegal("Session Present", "1 after the interval is over", (trace) => {
  trace.connects("a", { sessionExpiryInterval: 5 }).closes();
  trace.passes(5_200);
  trace.connects("a", RESUME);
});
illegal("Session Present", "0 before the interval is over", (trace) => {
  trace.connects("a", { sessionExpiryInterval: 5 }).closes();
  trace.passes(4_900);
  trace.connects("a", { cleanStart: false, connack: ABSENT });
});
for (const connack of [PRESENT, ABSENT]) {
  const told = connack.sessionPresent ? 1 : 0;
  legal(`Session Present ${told} in the millisecond in which the session ends`, (trace) => {
    const client = trace.connects("a", { sessionExpiryInterval: 5 });
    client.disconnects();
    trace.passes(4_998);
    trace.connects("a", { cleanStart: false, connack });
  }, { networkMs: 0, detachMs: 0 });
  legal(`Session Present ${told} while clocks may be wrong`, (trace) => {
    trace.connects("a", { sessionExpiryInterval: 5 }).closes();
    trace.passes(6_500);
    trace.connects("a", { cleanStart: false, connack });
  }, { clockMs: 1_000 });
  legal(`Session Present ${told} after a clean start that was not answered`, (trace) => {
    trace.connects("a").closes();
    trace.connects("a", { sessionExpiryInterval: 0, connack: undefined }).closes();
    trace.connects("a", { cleanStart: false, connack });
  });
  legal(`Session Present ${told} after a refusal by a server in trouble`, (trace) => {
    trace.connects("a").closes();
    trace.connects("a", { sessionExpiryInterval: 0, connack: { reasonCode: 0x88 } }).closes();
    trace.connects("a", { cleanStart: false, connack });
  });
  legal(`Session Present ${told} while an administrator ends the session`, (trace) => {
    trace.connects("a").closes();
    trace.see({ type: "ended", at: trace.now, client: "a" });
    trace.connects("a", { cleanStart: false, connack });
  });
}
illegal("Session Present", "0 although the CONNECT in between was refused", (trace) => {
  trace.connects("a").closes();
  trace.connects("a", { connack: { reasonCode: 0x87 } }).closes();
  trace.connects("a", { cleanStart: false, connack: ABSENT });
});
illegal("Session Present", "0 although the CONNECT in between, not answered, would have gone on", (trace) => {
  trace.connects("a").closes();
  trace.connects("a", { cleanStart: false, connack: undefined }).closes();
  trace.connects("a", { cleanStart: false, connack: ABSENT });
});
illegal("Session Present", "0 long after a clean start that was not answered, since another was", (trace) => {
  trace.connects("a").closes();
  trace.connects("a", { sessionExpiryInterval: 0, connack: undefined }).closes();
  trace.passes(1_000);
  trace.resumes("a").closes();
  trace.connects("a", { cleanStart: false, connack: ABSENT });
});
illegal("Session Present", "1 after an administrator ended the session", (trace) => {
  trace.connects("a").closes();
  trace.see({ type: "ended", at: trace.now, client: "a" });
  trace.see({ type: "ended", at: trace.now, client: "a", until: trace.now });
  trace.connects("a", RESUME);
});
illegal("Session Present", "1 after the longest time of a 3.1.1 session", (trace) => {
  trace.connects("a", { protocolVersion: 4, cleanStart: false }).closes();
  trace.passes(3_200);
  trace.connects("a", { protocolVersion: 4, ...RESUME });
}, { maximumSessionExpiryInterval: 3 });
illegal("Session Present", "1 after the interval that CONNACK put in place", (trace) => {
  trace.connects("a", { connack: { sessionExpiryInterval: 1 } }).closes();
  trace.passes(1_200);
  trace.connects("a", RESUME);
});
legal("a DISCONNECT with another interval that may not have come", (trace) => {
  for (const connack of [PRESENT, ABSENT]) {
    const client = trace.connects("a");
    client.sends({ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 0 });
    client.closes("client");
    trace.connects("a", { cleanStart: false, connack }).closes();
  }
});

illegal("stale owner", "a PUBACK for what was sent after another connection had taken over", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("#");
  const old = trace.connects("a");
  trace.resumes("a");
  old.sends(publish("m1"));
  old.gets(release("puback", 1));
});
illegal("stale owner", "a SUBACK for what was asked for after another connection had taken over", (trace) => {
  const old = trace.connects("a");
  trace.resumes("a");
  old.subscribes("t", 1);
});
illegal("stale owner", "a message that was published after another connection had taken over", (trace) => {
  const old = trace.connects("reader");
  old.subscribes("#");
  trace.resumes("reader");
  trace.connects("writer").publishes("m1");
  old.gets(publish("m1"));
});
legal("what was on its way to the old connection when another took over", (trace) => {
  const old = trace.connects("reader");
  old.subscribes("#");
  const writer = trace.connects("writer");
  writer.publishes("m1");
  writer.publishes("m2");
  old.sends(publish("m3", { topic: "x", id: 9 }));
  const back = trace.resumes("reader");
  back.takes("m1", { dup: true });
  old.gets(publish("m1"), publish("m2", { id: 2 }), release("puback", 9), { type: "disconnect", reasonCode: 0x8e });
  old.closes("server");
  back.takes("m2", { dup: true, id: 2 });
  back.takes("m3", { topic: "x", id: 3 });
  trace.rests();
});
illegal("takeover", "an old connection that stays", (trace) => {
  trace.connects("a");
  trace.resumes("a");
  trace.rests();
});
legal("two connections at once, of which nobody knows which came first", (trace) => {
  const one = trace.connects("a", { connack: undefined });
  const other = trace.connects("a", { cleanStart: false, connack: undefined });
  other.gets({ type: "connack", sessionPresent: false, reasonCode: 0 });
  one.gets({ type: "connack", sessionPresent: false, reasonCode: 0 });
  other.gets({ type: "disconnect", reasonCode: 0x8e });
  other.closes("server");
  one.subscribes("t", 2);
  one.publishes("m1", { qos: 2 });
  one.takes("m1", { qos: 2 });
  trace.rests();
});

legal("a CONNACK that is read late, after the session of which it speaks was replaced", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("t");
  reader.closes();
  const late = trace.connects("reader", { cleanStart: false, connack: undefined });
  trace.connects("writer").publishes("m1");
  const anew = trace.connects("reader");
  anew.subscribes("t");
  late.gets({ type: "connack", sessionPresent: true, reasonCode: 0 }, publish("m1"));
  late.gets({ type: "disconnect", reasonCode: 0x8e });
  late.closes("server");
  trace.rests();
});
legal("two copies in their order that came first when nobody knew who owned the session", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("t", 2);
  const writer = trace.connects("writer");
  writer.sends(publish("m1", { id: 1 }));
  writer.closes();
  trace.resumes("writer").sends(publish("m1", { id: 1, dup: true }));
  reader.closes();
  const late = trace.connects("reader", { cleanStart: false, connack: undefined });
  const owner = trace.connects("reader", { cleanStart: false, connack: undefined });
  for (const link of [late, owner]) link.gets({ type: "connack", ...PRESENT, reasonCode: 0 });
  owner.gets(publish("m1", { id: 1 }), publish("m1", { id: 2 }));
  late.closes("server");
  owner.subscribes("t", 2);
  trace.connects("other").publishes("m2");
  owner.gets(publish("m2", { id: 3 }));
  owner.closes();
  const back = trace.resumes("reader");
  back.takes("m1", { id: 1, dup: true });
  back.takes("m1", { id: 2, dup: true });
  back.takes("m2", { id: 3, dup: true });
});
legal("Session Present 1 that is read late, of a session before one that ends with its connection", (trace) => {
  trace.connects("a", { protocolVersion: 4, cleanStart: false }).closes();
  const late = trace.connects("a", { protocolVersion: 4, cleanStart: false, connack: undefined });
  const anew = trace.connects("a", { protocolVersion: 4 });
  anew.subscribes("t");
  late.gets({ type: "connack", sessionPresent: true, reasonCode: 0 });
  late.closes("server");
  trace.rests();
});

/** A subscriber whose clean start may have been carried out or not, and who is told that its session goes on. */
function doubtful(trace: Trace) {
  const reader = trace.connects("reader");
  reader.subscribes("#");
  reader.closes();
  trace.connects("reader", { connack: undefined }).closes();
  return trace.resumes("reader");
}
legal("a session of which nobody knows whether it is the old one", (trace) => {
  const back = doubtful(trace);
  const writer = trace.connects("writer");
  writer.publishes("m1");
  writer.publishes("m2");
  back.takes("m2");
  trace.rests();
});
illegal("lost message", "a loss in a session that nobody knows the beginning of, but its subscription", (trace) => {
  const back = doubtful(trace);
  back.subscribes("#");
  trace.connects("writer").publishes("m1");
  trace.rests();
});

illegal("session lost", "no session of a client that is connected", (trace) => {
  trace.connects("a");
  trace.rests({ a: { exists: false } });
});
illegal("session lost", "no session before its end", (trace) => {
  trace.connects("a").closes();
  trace.rests({ a: { exists: false } });
});
illegal("session left behind", "a session after its end", (trace) => {
  trace.connects("a", { sessionExpiryInterval: 2 }).closes();
  trace.rests();
});
illegal("session left behind", "a session that was ended by hand", (trace) => {
  trace.connects("a").closes();
  trace.see({ type: "ended", at: trace.now, client: "a" });
  trace.see({ type: "ended", at: trace.now, client: "a", until: trace.now });
  trace.rests();
});
legal("a session that is gone after its end", (trace) => {
  trace.connects("a", { sessionExpiryInterval: 2 }).closes();
  trace.rests({ a: { exists: false } });
});
legal("a PUBACK of the old connection for what nobody wants any more", (trace) => {
  trace.connects("reader").subscribes("#");
  trace.see({ type: "ended", at: trace.now, client: "reader" });
  const old = trace.connects("a");
  trace.resumes("a");
  old.sends(publish("m1"));
  old.gets(release("puback", 1));
});
