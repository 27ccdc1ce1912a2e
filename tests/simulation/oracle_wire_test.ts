/** What the oracle says of single packets and of how PUBLISH, PUBREL and answers follow each other on the wire. */
import { illegal, legal, pair, publish, release, subscribe } from "./traces/trace.ts";

legal("a plain life of all three levels", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { qos: 0 });
  writer.publishes("m2", { qos: 1 });
  writer.publishes("m3", { qos: 2 });
  reader.takes("m1", { qos: 0 });
  reader.takes("m2", { qos: 1, id: 1 });
  reader.takes("m3", { qos: 2, id: 2 });
  reader.sends({ type: "pingreq" });
  reader.gets({ type: "pingresp" });
  writer.sends({ type: "unsubscribe", packetId: 9, filters: ["x"] });
  writer.gets({ type: "unsuback", packetId: 9, reasonCodes: [0x11] });
  writer.disconnects();
  trace.rests();
});

legal("a plain life in 3.1.1", (trace) => {
  const client = trace.connects("a", { protocolVersion: 4, cleanStart: false });
  client.subscribes("t", 1);
  client.publishes("m1", { qos: 2 });
  client.takes("m1", { qos: 1 });
  client.sends({ type: "unsubscribe", packetId: 9, filters: ["t"] });
  client.gets({ type: "unsuback", packetId: 9, reasonCodes: [] });
  client.sends({ type: "disconnect", reasonCode: 0 });
  client.closes("server");
  trace.rests();
});

illegal("CONNACK first", "an answer before it", (trace) => {
  const client = trace.connects("a", { connack: undefined });
  client.sends({ type: "pingreq" });
  client.gets({ type: "pingresp" });
});
illegal("CONNACK once", "a second one", (trace) => {
  trace.connects("a").gets({ type: "connack", sessionPresent: false, reasonCode: 0 });
});
illegal("CONNACK once", "one without a CONNECT", (trace) => {
  trace.opens("a").gets({ type: "connack", sessionPresent: false, reasonCode: 0 });
});
illegal("refused CONNECT", "Session Present 1 in a refusal", (trace) => {
  trace.connects("a", { connack: { reasonCode: 0x87, sessionPresent: true } });
});
illegal("refused CONNECT", "a packet after a refusal", (trace) => {
  const client = trace.connects("a", { connack: { reasonCode: 0x87 } });
  client.sends({ type: "pingreq" });
  client.gets({ type: "pingresp" });
});
illegal("silence after DISCONNECT", "a packet after it", (trace) => {
  const client = trace.connects("a");
  client.sends({ type: "pingreq" });
  client.gets({ type: "disconnect", reasonCode: 0x8b }, { type: "pingresp" });
});
illegal("silence after close", "a packet on a closed connection", (trace) => {
  const client = trace.connects("a");
  client.sends({ type: "pingreq" });
  client.closes();
  client.gets({ type: "pingresp" });
});
illegal("protocol version", "DISCONNECT to a 3.1.1 client", (trace) => {
  trace.connects("a", { protocolVersion: 4 }).gets({ type: "disconnect", reasonCode: 0x8b });
});
illegal("protocol version", "a property in 3.1.1", (trace) => {
  trace.connects("a", { protocolVersion: 4, connack: { receiveMaximum: 5 } });
});
illegal("protocol version", "a packet that only clients send", (trace) => {
  trace.connects("a").gets({ type: "pingreq" });
});
illegal("reason code", "a code that PUBACK does not have", (trace) => {
  const client = trace.connects("a");
  client.sends(publish("m1"));
  client.gets(release("puback", 1, 0x92));
});
illegal("reason code", "a failure in a 3.1.1 PUBACK", (trace) => {
  const client = trace.connects("a", { protocolVersion: 4 });
  client.sends(publish("m1"));
  client.gets(release("puback", 1, 0x87));
});
illegal("DISCONNECT", "a Session Expiry Interval of the server", (trace) => {
  trace.connects("a").gets({ type: "disconnect", reasonCode: 0x8b, sessionExpiryInterval: 3 });
});
illegal("DISCONNECT", "0x8E without another connection", (trace) => {
  trace.connects("b");
  trace.connects("a").gets({ type: "disconnect", reasonCode: 0x8e });
});
legal("0x8E for a CONNECT that is still on its way", (trace) => {
  const old = trace.connects("a");
  trace.connects("a", { cleanStart: false, connack: undefined });
  old.gets({ type: "disconnect", reasonCode: 0x8e });
});
illegal("PINGRESP", "one more than was asked for", (trace) => {
  const client = trace.connects("a");
  client.sends({ type: "pingreq" });
  client.gets({ type: "pingresp" }, { type: "pingresp" });
});
illegal("AUTH", "an AUTH that nobody asked for", (trace) => {
  trace.connects("a").gets({ type: "auth", reasonCode: 0x18 });
});

illegal("packet identifier", "0", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  reader.gets(publish("m1", { id: 0 }));
});
illegal("packet identifier", "one with QoS 0", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { qos: 0 });
  reader.gets({ ...publish("m1", { qos: 0 }), packetId: 4 });
});
illegal("packet identifier", "one that another message still has, over a resume", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  writer.publishes("m2");
  reader.gets(publish("m1", { id: 7 }));
  reader.closes();
  trace.resumes("reader").gets(publish("m2", { id: 7 }));
});
legal("an identifier that is used again once its PUBACK was sent, even if nobody knows whether it came", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  writer.publishes("m2");
  reader.gets(publish("m1", { id: 7 }));
  reader.sends(release("puback", 7));
  reader.closes();
  trace.resumes("reader").takes("m2", { id: 7 });
  trace.rests();
});
illegal("packet identifier", "a QoS 2 message in its place before PUBCOMP", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { qos: 2 });
  writer.publishes("m2", { qos: 2 });
  reader.gets(publish("m1", { qos: 2, id: 7 }));
  reader.sends(release("pubrec", 7));
  reader.gets(publish("m2", { qos: 2, id: 7 }));
});
illegal("PUBLISH after PUBREL", "another message before PUBCOMP", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { qos: 2 });
  reader.gets(publish("m1", { qos: 2 }));
  reader.sends(release("pubrec", 1));
  reader.gets(release("pubrel", 1));
  reader.closes();
  writer.publishes("m1", { qos: 1, topic: "t" });
  const back = trace.resumes("reader");
  back.gets(publish("m1", { qos: 2, dup: true }));
});
illegal("sent twice", "a resend on a connection that lives", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  reader.gets(publish("m1"), publish("m1", { dup: true }));
});
illegal("DUP", "a resend without it", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  reader.gets(publish("m1"));
  reader.closes();
  trace.resumes("reader").gets(publish("m1"));
});
illegal("DUP", "DUP 1 with QoS 0", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { qos: 0 });
  reader.gets(publish("m1", { qos: 0, dup: true }));
});
illegal("DUP", "DUP 1 on the first connection of a session", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  reader.gets(publish("m1", { dup: true }));
});
illegal("DUP", "DUP 1 on what was published after the session was resumed", (trace) => {
  const { reader, writer } = pair(trace);
  reader.closes();
  const back = trace.resumes("reader");
  writer.publishes("m1");
  back.gets(publish("m1", { dup: true }));
});
legal("DUP 1 on what never came, after a crash", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  reader.closes();
  trace.resumes("reader").takes("m1", { dup: true });
  trace.rests();
});
legal("a lost PUBACK, and the resend on each connection after", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  reader.takes("m1", { id: 3 });
  reader.closes();
  const second = trace.resumes("reader");
  second.takes("m1", { id: 3, dup: true });
  second.closes();
  trace.resumes("reader").takes("m1", { id: 3, dup: true });
  trace.rests();
});
illegal("resend order", "a resend after what came later", (trace) => {
  const { reader, writer } = pair(trace);
  for (const text of ["m1", "m2"]) writer.publishes(text, { topic: text });
  reader.gets(publish("m1", { topic: "m1", id: 1 }), publish("m2", { topic: "m2", id: 2 }));
  reader.closes();
  const again = { dup: true } as const;
  trace.resumes("reader").gets(
    publish("m2", { topic: "m2", id: 2, ...again }),
    publish("m1", { topic: "m1", ...again }),
  );
});
illegal("resend order", "a resend after a new message", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  reader.gets(publish("m1"));
  reader.closes();
  const back = trace.resumes("reader");
  writer.publishes("m2", { topic: "u" });
  back.gets(publish("m2", { topic: "u", id: 2 }), publish("m1", { dup: true }));
});
illegal("resend order", "PUBREL packets in another order than before", (trace) => {
  const { reader, writer } = pair(trace);
  for (const id of [1, 2]) {
    writer.publishes(`m${id}`, { qos: 2 });
    reader.gets(publish(`m${id}`, { qos: 2, id }));
    reader.sends(release("pubrec", id));
    reader.gets(release("pubrel", id));
  }
  reader.closes();
  trace.resumes("reader").gets(release("pubrel", 2), release("pubrel", 1));
});
illegal("Receive Maximum", "one message too many", (trace) => {
  const reader = trace.connects("reader", { receiveMaximum: 1 });
  reader.subscribes("#");
  const writer = trace.connects("writer");
  writer.publishes("m1");
  writer.publishes("m2");
  reader.gets(publish("m1", { id: 1 }), publish("m2", { id: 2 }));
});
illegal("Receive Maximum", "credit for a PUBCOMP of a resent PUBREL", (trace) => {
  const { reader, writer } = pair(trace);
  for (const text of ["m1", "m2", "m3"]) writer.publishes(text, { qos: 2 });
  reader.gets(publish("m1", { qos: 2, id: 1 }));
  reader.sends(release("pubrec", 1));
  reader.closes();
  const back = trace.resumes("reader", { receiveMaximum: 1 });
  back.gets(release("pubrel", 1), publish("m2", { qos: 2, id: 2 }));
  back.sends(release("pubcomp", 1));
  back.gets(publish("m3", { qos: 2, id: 3 }));
});
legal("a window that PUBREC does not open and PUBCOMP does", (trace) => {
  const reader = trace.connects("reader", { receiveMaximum: 1 });
  reader.subscribes("#");
  const writer = trace.connects("writer");
  writer.publishes("m1", { qos: 2 });
  writer.publishes("m2", { qos: 2 });
  reader.takes("m1", { qos: 2, id: 1 });
  reader.takes("m2", { qos: 2, id: 2 });
  trace.rests();
});
illegal("Topic Alias", "one for a client that allows none", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1");
  reader.gets(publish("m1", { topicAlias: 1 }));
});
legal("a Topic Alias within what the client allows", (trace) => {
  const reader = trace.connects("reader", { topicAliasMaximum: 1 });
  reader.subscribes("#");
  const writer = trace.connects("writer");
  writer.publishes("m1");
  writer.publishes("m2");
  reader.takes("m1", { topicAlias: 1, id: 1 });
  reader.takes("m2", { topicAlias: 1, topic: "", id: 2 });
  trace.rests();
});
illegal("Topic Alias", "one that stands for nothing any more", (trace) => {
  const reader = trace.connects("reader", { topicAliasMaximum: 1 });
  reader.subscribes("#");
  trace.connects("writer").publishes("m1", { topic: "" });
  reader.gets(publish("m1", { topicAlias: 1, topic: "" }));
});

illegal("PUBREL without PUBREC", "one that answers nothing", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { qos: 2 });
  reader.gets(publish("m1", { qos: 2 }), release("pubrel", 1));
});
illegal("PUBREL twice", "a second one for one PUBREC", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { qos: 2 });
  reader.gets(publish("m1", { qos: 2 }));
  reader.sends(release("pubrec", 1));
  reader.gets(release("pubrel", 1), release("pubrel", 1));
});
legal("a QoS 2 message over four connections", (trace) => {
  const { reader, writer } = pair(trace);
  writer.publishes("m1", { qos: 2 });
  reader.gets(publish("m1", { qos: 2 }));
  reader.closes();
  const second = trace.resumes("reader");
  second.gets(publish("m1", { qos: 2, dup: true }));
  second.sends(release("pubrec", 1));
  second.closes();
  const third = trace.resumes("reader");
  third.gets(publish("m1", { qos: 2, dup: true }));
  third.sends(release("pubrec", 1));
  third.gets(release("pubrel", 1));
  third.sends(release("pubcomp", 1));
  third.closes();
  const fourth = trace.resumes("reader");
  fourth.gets(release("pubrel", 1));
  fourth.sends(release("pubcomp", 1));
  trace.rests();
});

illegal("answer without request", "a PUBACK for nothing", (trace) => {
  trace.connects("a").gets(release("puback", 3));
});
illegal("answer without request", "a second SUBACK", (trace) => {
  const client = trace.connects("a");
  client.subscribes("t", 1);
  client.gets({ type: "suback", packetId: 1, reasonCodes: [1] });
});
illegal("answer without request", "an answer on another connection than the request's", (trace) => {
  const client = trace.connects("a");
  client.sends(publish("m1"));
  client.closes();
  trace.resumes("a").gets(release("puback", 1));
});
illegal("answer order", "PUBACK packets in another order than the messages", (trace) => {
  const client = trace.connects("a");
  client.sends(publish("m1", { id: 1 }), publish("m2", { id: 2 }));
  client.gets(release("puback", 2), release("puback", 1));
});
legal("answers of several kinds that pass each other", (trace) => {
  const client = trace.connects("a");
  client.sends(publish("m1", { id: 1, qos: 2 }), publish("m2", { id: 2 }), subscribe(3, "x", 1));
  client.gets({ type: "suback", packetId: 3, reasonCodes: [1] }, release("puback", 2), release("pubrec", 1));
  client.sends(release("pubrel", 1));
  client.gets(release("pubcomp", 1));
  trace.rests();
});
illegal("held identifier", "PUBCOMP 0x92 for what had a PUBREC", (trace) => {
  const client = trace.connects("a");
  client.sends(publish("m1", { qos: 2 }));
  client.gets(release("pubrec", 1));
  client.closes();
  const back = trace.resumes("a");
  back.sends(release("pubrel", 1));
  back.gets(release("pubcomp", 1, 0x92));
});
legal("PUBCOMP 0x92 for a PUBREL that goes a second time", (trace) => {
  const client = trace.connects("a");
  client.sends(publish("m1", { qos: 2 }));
  client.gets(release("pubrec", 1));
  client.sends(release("pubrel", 1));
  client.closes();
  const back = trace.resumes("a");
  back.sends(release("pubrel", 1));
  back.gets(release("pubcomp", 1, 0x92));
  trace.rests();
});
illegal("SUBACK codes", "more codes than filters", (trace) => {
  const client = trace.connects("a");
  client.sends(subscribe(1, "t", 1));
  client.gets({ type: "suback", packetId: 1, reasonCodes: [1, 1] });
});
illegal("SUBACK codes", "a higher level than was asked for", (trace) => {
  const client = trace.connects("a");
  client.sends(subscribe(1, "t", 1));
  client.gets({ type: "suback", packetId: 1, reasonCodes: [2] });
});
illegal("UNSUBACK codes", "a subscription that is no longer known", (trace) => {
  const client = trace.connects("a");
  client.subscribes("t", 1);
  client.closes();
  const back = trace.resumes("a");
  back.sends({ type: "unsubscribe", packetId: 5, filters: ["t"] });
  back.gets({ type: "unsuback", packetId: 5, reasonCodes: [0x11] });
});
illegal("UNSUBACK codes", "a subscription of an earlier session", (trace) => {
  const client = trace.connects("a");
  client.subscribes("t", 1);
  client.closes();
  const anew = trace.connects("a");
  anew.sends({ type: "unsubscribe", packetId: 5, filters: ["t"] });
  anew.gets({ type: "unsuback", packetId: 5, reasonCodes: [0] });
});
legal("an UNSUBACK of either kind for a SUBSCRIBE that was not answered", (trace) => {
  for (const code of [0, 0x11]) {
    const client = trace.connects("a");
    client.sends(subscribe(1, "t", 1));
    client.closes();
    const back = trace.resumes("a");
    back.sends({ type: "unsubscribe", packetId: 5, filters: ["t"] });
    back.gets({ type: "unsuback", packetId: 5, reasonCodes: [code] });
    back.closes();
  }
});
