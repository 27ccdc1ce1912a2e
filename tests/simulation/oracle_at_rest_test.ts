/** What the oracle says when all is over: what was acknowledged must have come, every loss is counted, nothing waits. */
import { illegal, legal, pair, publish, release, subscribe } from "./traces/trace.ts";

illegal("lost message", "a message that was acknowledged and never came", (trace) => {
  pair(trace).writer.publishes("m1");
  trace.rests();
});
illegal("lost message", "a message that came before an orderly replacement of its subscription", (trace) => {
  const { reader, writer } = pair(trace);
  reader.sends(subscribe(5, "#", 1));
  writer.publishes("m1");
  reader.gets({ type: "suback", packetId: 5, reasonCodes: [1] });
  trace.rests();
});
illegal("lost message", "more lost messages than were counted", (trace) => {
  const { writer } = pair(trace);
  for (const text of ["m1", "m2", "m3"]) writer.publishes(text);
  trace.rests({ reader: { dropped: { queueFullOldest: 2 } } });
}, { queueIsLimited: true });
legal("as many lost messages as were counted", (trace) => {
  const { writer } = pair(trace);
  for (const text of ["m1", "m2", "m3"]) writer.publishes(text);
  trace.rests({ reader: { dropped: { queueFullOldest: 2, queueFullNewest: 1 } } });
}, { queueIsLimited: true });
const KEEPS_LAST = { keepsLast: [{ filter: "t", keepLast: true }] };
illegal("lost message", "the last message of a topic that keeps it, counted as replaced", (trace) => {
  const { writer } = pair(trace);
  for (const text of ["m1", "m2"]) writer.publishes(text);
  trace.rests({ reader: { dropped: { replaced: 2 } } });
}, KEEPS_LAST);
illegal("lost message", "more messages whose place another took than were counted", (trace) => {
  const { reader, writer } = pair(trace);
  for (const text of ["m1", "m2", "m3"]) writer.publishes(text);
  reader.gets(publish("m3", { id: 3 }));
  reader.sends({ type: "puback", packetId: 3, reasonCode: 0 });
  trace.rests({ reader: { dropped: { replaced: 1 } } });
}, KEEPS_LAST);
legal("messages whose place the last one took, all counted", (trace) => {
  const { reader, writer } = pair(trace);
  for (const text of ["m1", "m2", "m3"]) writer.publishes(text);
  reader.gets(publish("m3", { id: 3 }));
  reader.sends({ type: "puback", packetId: 3, reasonCode: 0 });
  trace.rests({ reader: { dropped: { replaced: 2 } } });
}, KEEPS_LAST);
legal("messages whose place the last one took before they could expire", (trace) => {
  const { reader, writer } = pair(trace);
  for (const text of ["m1", "m2", "m3"]) writer.publishes(text, { messageExpiryInterval: 1 });
  reader.gets(publish("m3", { id: 3, messageExpiryInterval: 1 }));
  reader.sends({ type: "puback", packetId: 3, reasonCode: 0 });
  trace.now += 5_000;
  trace.rests({ reader: { dropped: { replaced: 2 } } });
}, KEEPS_LAST);
illegal("lost message", "more messages that could expire than were counted as expired or replaced", (trace) => {
  const { reader, writer } = pair(trace);
  for (const text of ["m1", "m2", "m3"]) writer.publishes(text, { messageExpiryInterval: 1 });
  reader.gets(publish("m3", { id: 3, messageExpiryInterval: 1 }));
  reader.sends({ type: "puback", packetId: 3, reasonCode: 0 });
  trace.now += 5_000;
  trace.rests({ reader: { dropped: { replaced: 1 } } });
}, KEEPS_LAST);
illegal("dropped without reason", "a replaced message where no topic keeps its last", (trace) => {
  pair(trace);
  trace.rests({ reader: { dropped: { replaced: 1 } } });
});
illegal("lost message", "a message without expiry that is counted as expired", (trace) => {
  const { writer } = pair(trace);
  writer.publishes("m1");
  writer.publishes("m2", { topic: "u", messageExpiryInterval: 1 });
  trace.rests({ reader: { dropped: { expired: 2 } } });
});
legal("an expired message that is counted", (trace) => {
  pair(trace).writer.publishes("m1", { messageExpiryInterval: 1 });
  trace.rests({ reader: { dropped: { expired: 1 } } });
});
legal("lost messages that nobody was promised", (trace) => {
  const { reader, writer } = pair(trace);
  writer.sends(publish("m1", { qos: 0 }), publish("m2", { id: 2 }));
  writer.closes();
  reader.subscribes("#", 0);
  const back = trace.resumes("writer");
  back.publishes("m3", { id: 3 });
  trace.rests();
});
illegal("lost message", "a message that does not wait for a client that is away", (trace) => {
  const { reader, writer } = pair(trace);
  reader.closes();
  writer.publishes("m1");
  trace.rests({ reader: { queuedMessages: 0 } });
});
legal("a message that waits for a client that is away", (trace) => {
  const { reader, writer } = pair(trace);
  reader.closes();
  writer.publishes("m1");
  trace.rests({ reader: { queuedMessages: 1 } });
});
illegal("dropped without reason", "a full queue that has no limit", (trace) => {
  pair(trace);
  trace.rests({ reader: { dropped: { queueFullNewest: 1 } } });
});
illegal("dropped without reason", "an expired message where none expires", (trace) => {
  pair(trace);
  trace.rests({ reader: { dropped: { expired: 1 } } });
});
illegal("unanswered", "a PUBLISH without PUBACK on a connection that stays", (trace) => {
  pair(trace).writer.sends(publish("m1"));
  trace.rests();
});
illegal("unanswered", "a PUBREC without PUBREL", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { qos: 2 });
  reader.gets(publish("m1", { qos: 2 }));
  reader.sends(release("pubrec", 1));
  trace.rests();
});
illegal("unanswered", "a CONNECT without CONNACK", (trace) => {
  trace.connects("a", { connack: undefined });
  trace.rests({ a: { exists: false } });
});
illegal("queue at rest", "messages that wait for nothing", (trace) => {
  pair(trace);
  trace.rests({ reader: { queuedMessages: 1 } });
});
legal("a queue behind a client that holds its answers back", (trace) => {
  const reader = trace.connects("reader", { receiveMaximum: 1 });
  reader.subscribes("#");
  trace.connects("writer").publishes("m1");
  reader.gets(publish("m1"));
  trace.rests({ reader: { queuedMessages: 1 } });
});

legal("a client that lies about what it got, until it begins anew", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  trace.see({ type: "misbehaved", at: trace.now, client: "reader" });
  reader.gets(publish("m1", { id: 0, dup: true }));
  reader.closes();
  const anew = trace.connects("reader");
  anew.subscribes("#", 2);
  writer.publishes("m2");
  anew.takes("m2");
  trace.rests();
});
illegal("lost message", "a loss after a client that lied began anew", (trace) => {
  const { reader, writer } = pair(trace);
  trace.see({ type: "misbehaved", at: trace.now, client: "reader" });
  reader.closes();
  trace.connects("reader").subscribes("#", 2);
  writer.publishes("m2");
  trace.rests();
});
