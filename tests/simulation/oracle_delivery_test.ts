/** What the oracle says of messages: which may come, to whom, how often, in which order. */
import { bytes, illegal, legal, pair, publish, release, subscribe } from "./traces/trace.ts";

illegal("unknown message", "a text that nobody published", (trace) => {
  pair(trace).reader.takes("m1");
  trace.rests();
});
legal("a message of the host that is told of late", (trace) => {
  const { reader } = pair(trace);
  reader.takes("h1");
  const message = { topic: "t", payload: bytes("h1"), qos: 1 } as const;
  trace.see({ type: "hostPublished", at: trace.now - 3, until: trace.now, ...message });
  trace.rests();
});
illegal("content", "another topic", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  reader.gets(publish("m1", { topic: "u" }));
});
illegal("content", "another payload", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1 whole");
  reader.gets(publish("m1 half"));
});
illegal("no subscription", "a topic that no filter matches", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("u/+", 2);
  trace.connects("writer").publishes("m1");
  reader.gets(publish("m1"));
});
illegal("no subscription", "a message that was published after UNSUBACK", (trace) => {
  const { reader, writer } = pair(trace);
  reader.sends({ type: "unsubscribe", packetId: 5, filters: ["#"] });
  reader.gets({ type: "unsuback", packetId: 5, reasonCodes: [0] });
  writer.publishes("m1");
  reader.gets(publish("m1"));
});
illegal("no subscription", "a message that was acknowledged before SUBSCRIBE", (trace) => {
  const reader = trace.connects("reader");
  trace.connects("writer").publishes("m1");
  reader.subscribes("t", 2);
  reader.gets(publish("m1"));
});
legal("a message between UNSUBSCRIBE and UNSUBACK, and one that waited", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  reader.sends({ type: "unsubscribe", packetId: 5, filters: ["#"] });
  writer.publishes("m2");
  reader.gets({ type: "unsuback", packetId: 5, reasonCodes: [0] });
  reader.takes("m1", { id: 1 });
  reader.takes("m2", { id: 2 });
  trace.rests();
});
legal("a message before SUBACK, and for a SUBSCRIBE that was never answered", (trace) => {
  const reader = trace.connects("reader");
  const writer = trace.connects("writer");
  reader.sends(subscribe(1, "t", 1));
  writer.publishes("m1");
  reader.takes("m1");
  reader.closes();
  writer.publishes("m2");
  trace.resumes("reader").takes("m2", { id: 2 });
});
illegal("No Local", "the client's own message", (trace) => {
  const client = trace.connects("a");
  client.subscribes("t", 1, { noLocal: true });
  client.publishes("m1", { id: 9 });
  client.gets(publish("m1"));
});
illegal("QoS of the copy", "a level above the granted one", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("t", 0);
  trace.connects("writer").publishes("m1");
  reader.gets(publish("m1"));
});
illegal("QoS of the copy", "the lower one of two subscriptions", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("t", 0);
  reader.subscribes("#", 2);
  trace.connects("writer").publishes("m1");
  reader.gets(publish("m1", { qos: 0 }));
});
legal("either level while a subscription is replaced", (trace) => {
  const reader = trace.connects("reader");
  const writer = trace.connects("writer");
  reader.subscribes("t", 1);
  reader.sends(subscribe(5, "t", 2));
  writer.publishes("m1", { qos: 2 });
  writer.publishes("m2", { qos: 2 });
  reader.gets({ type: "suback", packetId: 5, reasonCodes: [2] });
  reader.takes("m1", { qos: 1, id: 1 });
  reader.takes("m2", { qos: 2, id: 2 });
  trace.rests();
});
illegal("RETAIN of the copy", "a mark that was not asked for", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { retain: true });
  reader.gets(publish("m1", { retain: true }));
});
illegal("RETAIN of the copy", "a mark that is missing", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("t", 1, { retainAsPublished: true });
  trace.connects("writer").publishes("m1", { retain: true });
  reader.gets(publish("m1"));
});
illegal("Subscription Identifier", "one that belongs to another filter", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("t", 1, { identifier: 1 });
  reader.subscribes("u", 1, { identifier: 2 });
  trace.connects("writer").publishes("m1");
  reader.gets(publish("m1", { subscriptionIdentifiers: [1, 2] }));
});
illegal("Subscription Identifier", "one that is missing", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("t", 1, { identifier: 1 });
  reader.subscribes("#", 1, { identifier: 2 });
  trace.connects("writer").publishes("m1");
  reader.gets(publish("m1", { subscriptionIdentifiers: [1] }));
});
illegal("Subscription Identifier", "the one of before it was replaced", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("t", 1, { identifier: 1 });
  reader.subscribes("t", 1, { identifier: 2 });
  trace.connects("writer").publishes("m1");
  reader.gets(publish("m1", { subscriptionIdentifiers: [1] }));
});
illegal("older than the session", "a message that the session before it was owed", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  reader.closes();
  const anew = trace.connects("reader");
  anew.subscribes("#", 2);
  anew.gets(publish("m1"));
}, {});
legal("a message that was on its way when the session began", (trace) => {
  const writer = trace.connects("writer");
  writer.sends(publish("m1"));
  const reader = trace.connects("reader");
  reader.subscribes("#", 2);
  reader.takes("m1");
  writer.gets(release("puback", 1));
  trace.rests();
});
illegal("refused message", "one that comes after its refusal", (trace) => {
  const { reader, writer } = pair(trace);
  writer.sends(publish("m1"));
  writer.gets(release("puback", 1, 0x97));
  reader.gets(publish("m1"));
});
illegal("refused message", "one that has come and is refused then", (trace) => {
  const { reader, writer } = pair(trace);
  writer.sends(publish("m1"));
  reader.gets(publish("m1"));
  writer.gets(release("puback", 1, 0x97));
});
legal("a refusal of what may have been taken on an earlier connection", (trace) => {
  const { reader, writer } = pair(trace);
  writer.sends(publish("m1"));
  writer.closes();
  const back = trace.resumes("writer");
  back.sends(publish("m1", { dup: true }));
  back.gets(release("puback", 1, 0x97));
  reader.takes("m1");
  trace.rests();
});
illegal("forbidden topic", "a message that nobody may publish", (trace) => {
  const { reader, writer } = pair(trace);
  writer.sends(publish("m1", { topic: "no/1", qos: 0 }));
  reader.gets(publish("m1", { topic: "no/1", qos: 0 }));
}, { forbiddenTopics: "no/" });

illegal("exactly once", "a second copy under another identifier", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { qos: 2 });
  reader.takes("m1", { qos: 2, id: 1 });
  reader.gets(publish("m1", { qos: 2, id: 2 }));
});
illegal("exactly once", "a repeat of the publisher that was taken for a new message", (trace) => {
  const { reader, writer } = pair(trace);
  writer.sends(publish("m1", { qos: 2 }));
  writer.closes();
  reader.takes("m1", { qos: 2, id: 1 });
  const back = trace.resumes("writer");
  back.sends(publish("m1", { qos: 2, dup: true }));
  back.gets(release("pubrec", 1));
  reader.gets(publish("m1", { qos: 2, id: 2 }));
});
illegal("exactly once", "a resend after PUBREL had come and PUBCOMP was sent", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { qos: 2 });
  reader.takes("m1", { qos: 2 });
  reader.closes();
  trace.resumes("reader").gets(publish("m1", { qos: 2, dup: true }));
});
legal("a second copy of a QoS 2 message whose publisher lost its session", (trace) => {
  const { reader, writer } = pair(trace);
  writer.sends(publish("m1", { qos: 2 }));
  writer.closes();
  reader.takes("m1", { qos: 2, id: 1 });
  trace.connects("writer").publishes("m1", { qos: 2, dup: true });
  reader.takes("m1", { qos: 2, id: 2 });
  trace.rests();
});
illegal("too many copies", "two of a message that was sent once", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  reader.takes("m1", { id: 1 });
  reader.gets(publish("m1", { id: 2 }));
});
legal("as many copies of a QoS 1 message as were sent", (trace) => {
  const { reader, writer } = pair(trace);
  writer.sends(publish("m1"));
  writer.closes();
  trace.resumes("writer").publishes("m1", { dup: true });
  reader.takes("m1", { id: 1 });
  reader.takes("m1", { id: 2 });
  trace.rests();
});
illegal("at most once", "a second copy of a QoS 0 message", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { qos: 0 });
  reader.gets(publish("m1", { qos: 0 }), publish("m1", { qos: 0 }));
});
legal("several copies of what the host published", (trace) => {
  const { reader } = pair(trace);
  trace.see({ type: "hostPublished", at: trace.now, topic: "t", payload: bytes("h1"), qos: 1 });
  reader.takes("h1", { id: 1 });
  reader.takes("h1", { id: 2 });
  trace.rests();
});

illegal("order", "two messages the wrong way round", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  writer.publishes("m2");
  reader.takes("m2", { id: 1 });
  reader.takes("m1", { id: 2 });
});
illegal("order of QoS 0", "two messages the wrong way round", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { qos: 0 });
  writer.publishes("m2", { qos: 0 });
  reader.takes("m2", { qos: 0 });
  reader.takes("m1", { qos: 0 });
});
legal("other topics, levels and publishers that pass each other", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  writer.publishes("m2", { topic: "u" });
  writer.publishes("m3", { qos: 2 });
  trace.connects("other").publishes("m4");
  reader.takes("m4", { id: 1 });
  reader.takes("m3", { id: 2, qos: 2 });
  reader.takes("m2", { id: 3, topic: "u" });
  reader.takes("m1", { id: 4 });
  trace.rests();
});
legal("a message that was sent again after a later one had been taken", (trace) => {
  const { reader, writer } = pair(trace);
  writer.sends(publish("m1", { id: 1 }), publish("m2", { id: 2 }));
  writer.closes();
  reader.takes("m2", { id: 1 });
  const back = trace.resumes("writer");
  back.sends(publish("m1", { id: 1, dup: true }), publish("m2", { id: 2, dup: true }));
  back.gets(release("puback", 1), release("puback", 2));
  reader.takes("m1", { id: 2 });
  trace.rests();
});

legal("a QoS 0 copy of a message that was sent again elsewhere, behind copies of later ones", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("#", 0);
  const writer = trace.connects("writer");
  writer.sends(publish("m1", { id: 1 }));
  writer.closes();
  const back = trace.resumes("writer");
  back.sends(publish("m1", { id: 1, dup: true }), publish("m2", { id: 2 }));
  back.gets(release("puback", 1), release("puback", 2));
  reader.takes("m2", { qos: 0 });
  reader.takes("m1", { qos: 0 });
  trace.rests();
});
legal("messages of two connections that left before CONNACK, in any order", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("#", 2);
  trace.connects("writer", { connack: undefined }).sends(publish("m1"));
  trace.connects("writer", { connack: undefined }).sends(publish("m2"));
  reader.takes("m2", { id: 1 });
  reader.takes("m1", { id: 2 });
});
illegal("order", "messages of one connection that left before CONNACK", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("#", 2);
  trace.connects("writer", { connack: undefined }).sends(publish("m1", { id: 1 }), publish("m2", { id: 2 }));
  reader.takes("m2", { id: 1 });
  reader.takes("m1", { id: 2 });
});

illegal("message expired", "a message that begins to be sent too late", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { messageExpiryInterval: 2 });
  trace.passes(2_100);
  reader.gets(publish("m1", { messageExpiryInterval: 0 }));
});
legal("a message that was begun in time and resent too late", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { qos: 2, messageExpiryInterval: 2 });
  reader.gets(publish("m1", { qos: 2, messageExpiryInterval: 2 }));
  reader.closes();
  trace.passes(5_000);
  trace.resumes("reader").takes("m1", { qos: 2, dup: true, messageExpiryInterval: 0 });
  trace.rests();
});
legal("a message in the very moment of its expiry", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { messageExpiryInterval: 2 });
  trace.passes(1_998);
  reader.takes("m1", { messageExpiryInterval: 1 });
  trace.rests();
}, { networkMs: 0 });
illegal("Message Expiry Interval", "what was published, without the time of waiting", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { messageExpiryInterval: 5 });
  trace.passes(2_100);
  reader.gets(publish("m1", { messageExpiryInterval: 5 }));
});
illegal("Message Expiry Interval", "too little", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { messageExpiryInterval: 5 });
  reader.gets(publish("m1", { messageExpiryInterval: 3 }));
});
illegal("Message Expiry Interval", "none where there was one", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { messageExpiryInterval: 5 });
  reader.gets(publish("m1"));
});
illegal("Message Expiry Interval", "one where there was none", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  reader.gets(publish("m1", { messageExpiryInterval: 5 }));
});

legal("a message that waited for the store when its time was over", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { messageExpiryInterval: 1 });
  trace.passes(1_100);
  reader.takes("m1", { messageExpiryInterval: 1 });
  trace.rests();
}, { effectMs: 200 });
legal("a message of the publisher's session before, after one of its new session", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  writer.closes();
  trace.connects("writer").publishes("m2");
  reader.takes("m2", { id: 1 });
  reader.takes("m1", { id: 2 });
});
illegal("QoS 0 kept", "one that was published while nobody was there", (trace) => {
  const { reader, writer } = pair(trace);
  reader.closes();
  trace.passes(1_000);
  writer.publishes("m1", { qos: 0 });
  trace.passes(1_000);
  trace.resumes("reader").gets(publish("m1", { qos: 0 }));
});
legal("QoS 0 that waits by a rule for its topic", (trace) => {
  const { reader, writer } = pair(trace);
  reader.closes();
  trace.passes(1_000);
  writer.publishes("m1", { qos: 0 });
  trace.passes(1_000);
  trace.resumes("reader").gets(publish("m1", { qos: 0 }));
  trace.rests();
}, { levels: [{ filter: "t", queueQos0: true }] });
legal("a copy that has the level of its subscription by a rule for its topic", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { qos: 0 });
  reader.takes("m1", { qos: 2 });
  trace.rests();
}, { levels: [{ filter: "t", upgradeQoS: true }] });
illegal("QoS of the copy", "the published level, where a rule gives that of the subscription", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { qos: 0 });
  reader.gets(publish("m1", { qos: 0 }));
}, { levels: [{ filter: "t", upgradeQoS: true }] });
