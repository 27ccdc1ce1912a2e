/** What the oracle says of Wills: when they may be published, when they must, and when never. */
import { illegal, legal, type Link, publish, type Trace, will } from "./traces/trace.ts";

/** Somebody who gets all Wills. */
function mourner(trace: Trace): Link {
  const reader = trace.connects("reader");
  reader.subscribes("t", 2);
  trace.passes(100);
  return reader;
}

legal("a Will after a lost connection", (trace) => {
  const reader = mourner(trace);
  trace.connects("a", { will: will("w1") }).closes();
  reader.takes("w1");
  trace.rests();
});
illegal("Will lost", "a Will that never comes after a lost connection", (trace) => {
  mourner(trace);
  trace.connects("a", { will: will("w1") }).closes();
  trace.rests();
});
illegal("Will lost", "one that never comes after DISCONNECT 0x04", (trace) => {
  mourner(trace);
  const client = trace.connects("a", { will: will("w1") });
  client.sends({ type: "disconnect", reasonCode: 4 });
  client.closes("server");
  trace.rests();
});
illegal("Will lost", "one that does not come at a takeover", (trace) => {
  mourner(trace);
  const old = trace.connects("a", { will: will("w1") });
  trace.resumes("a");
  old.closes("server");
  trace.rests();
});
illegal("Will lost", "one with a delay, when a clean start ends the session", (trace) => {
  mourner(trace);
  trace.connects("a", { will: will("w1", { willDelayInterval: 5 }) }).closes();
  trace.connects("a");
  trace.rests();
});
illegal("Will lost", "one with a delay, when the session ends before it", (trace) => {
  mourner(trace);
  trace.connects("a", { sessionExpiryInterval: 1, will: will("w1", { willDelayInterval: 60 }) }).closes();
  trace.rests({ a: { exists: false } });
});
legal("no Will after DISCONNECT 0x00, and one if it did not arrive", (trace) => {
  const reader = mourner(trace);
  trace.connects("a", { will: will("w1") }).disconnects();
  const client = trace.connects("a", { will: will("w2") });
  client.sends({ type: "disconnect", reasonCode: 0 });
  client.closes("broken");
  reader.takes("w2");
  trace.rests();
});
illegal("Will", "one after DISCONNECT 0x00", (trace) => {
  const reader = mourner(trace);
  trace.connects("a", { will: will("w1") }).disconnects();
  reader.gets(publish("w1"));
});
legal("one after DISCONNECT 0x00 when the server had a reason of its own to close", (trace) => {
  const reader = mourner(trace);
  const client = trace.connects("a", { will: will("w1") });
  client.sends({ type: "disconnect", reasonCode: 0 });
  client.gets({ type: "disconnect", reasonCode: 0x8b });
  client.closes("server");
  reader.takes("w1");
  trace.rests();
});
function closesWhileTheStoreHangs(trace: Trace, openForMs: number): void {
  const reader = mourner(trace);
  const client = trace.connects("a", { will: will("w1") });
  trace.passes(openForMs);
  client.disconnects();
  reader.takes("w1");
}
legal("one after DISCONNECT 0x00 when the server may have been closing in silence before", (trace) => {
  closesWhileTheStoreHangs(trace, 500);
  trace.rests();
}, { silentMs: 500 });
illegal("Will", "one after DISCONNECT 0x00 that came too soon for a silent close", (trace) => {
  closesWhileTheStoreHangs(trace, 400);
}, { silentMs: 500 });
illegal("Will", "one of a CONNECT that was refused", (trace) => {
  const reader = mourner(trace);
  trace.connects("a", { will: will("w1"), connack: { reasonCode: 0x87 } });
  reader.gets(publish("w1"));
});
legal("one of a CONNECT that was never answered", (trace) => {
  const reader = mourner(trace);
  trace.connects("a", { will: will("w1"), connack: undefined }).closes();
  reader.takes("w1");
  trace.rests({ a: { exists: false } });
});
illegal("Will", "one before its delay is over", (trace) => {
  const reader = mourner(trace);
  trace.connects("a", { will: will("w1", { willDelayInterval: 2 }) }).closes();
  trace.passes(1_900);
  reader.gets(publish("w1"));
});
legal("one when its delay is over", (trace) => {
  const reader = mourner(trace);
  trace.connects("a", { will: will("w1", { willDelayInterval: 2 }) }).closes();
  trace.passes(2_000);
  reader.takes("w1");
  trace.rests();
});
illegal("Will", "one of a session that was resumed before its delay was over", (trace) => {
  const reader = mourner(trace);
  trace.connects("a", { will: will("w1", { willDelayInterval: 2 }) }).closes();
  trace.passes(1_000);
  trace.resumes("a");
  trace.passes(2_000);
  reader.gets(publish("w1"));
});
legal("either of a session that was resumed as its delay was over", (trace) => {
  const reader = mourner(trace);
  for (const text of ["w1", "w2"]) {
    trace.connects("a", { will: will(text, { willDelayInterval: 2 }) }).closes();
    trace.passes(2_000);
    trace.resumes("a").closes();
  }
  reader.takes("w2");
  trace.rests();
});
illegal("Will twice", "two copies of one", (trace) => {
  const reader = mourner(trace);
  trace.connects("a", { will: will("w1") }).closes();
  reader.takes("w1", { id: 1 });
  reader.gets(publish("w1", { id: 2 }));
});
legal("one for each of two connections that carried the same Will", (trace) => {
  const reader = mourner(trace);
  trace.connects("a", { will: will("w1") }).closes();
  trace.resumes("a", { will: will("w1") }).closes();
  reader.takes("w1", { id: 1 });
  reader.takes("w1", { id: 2 });
  trace.rests();
});
illegal("Will too early", "one of a connection that goes on as before", (trace) => {
  const reader = mourner(trace);
  const client = trace.connects("a", { will: will("w1") });
  reader.gets(publish("w1"));
  client.subscribes("x", 1);
});
legal("the Will of the later of two connections at once", (trace) => {
  const reader = mourner(trace);
  trace.connects("a").closes();
  const first = trace.connects("a", { cleanStart: false, connack: undefined });
  const second = trace.connects("a", {
    cleanStart: false,
    will: will("w2", { willDelayInterval: 2 }),
    connack: undefined,
  });
  first.gets({ type: "connack", sessionPresent: true, reasonCode: 0 }, { type: "disconnect", reasonCode: 0x8e });
  first.closes("server");
  second.gets({ type: "connack", sessionPresent: true, reasonCode: 0 });
  second.closes();
  trace.passes(2_000);
  reader.takes("w2");
  trace.rests();
});
legal("no Will of the later one of two clean starts at the same time, when its session goes on", (trace) => {
  const reader = mourner(trace);
  const carries = (text: string) => ({ connack: undefined, will: will(text, { willDelayInterval: 60 }) });
  const later = trace.connects("a", carries("w1"));
  const earlier = trace.connects("a", carries("w2"));
  earlier.gets({ type: "connack", sessionPresent: false, reasonCode: 0 });
  later.gets({ type: "connack", sessionPresent: false, reasonCode: 0 });
  // So it came later, and took the session over from the other.
  reader.takes("w2");
  later.subscribes("x");
  earlier.closes("server");
  trace.resumes("a");
  later.closes("server");
  trace.rests();
});
