/** What the oracle of clients says of what a client sends. */
import type { WirePacket } from "./oracle/observation.ts";
import { answer, illegal, legal } from "./traces/page_trace.ts";

legal("a plain life of all three levels", (trace) => {
  trace.connects();
  trace.publishes("m0", 0);
  trace.sendsMessage("m0", 0);
  trace.publishes("m1", 1);
  trace.delivers("m1", 1);
  trace.publishes("m2", 2);
  trace.delivers("m2", 2);
  trace.sends({ type: "disconnect", reasonCode: 0 });
  trace.closes();
  trace.resumes();
  trace.rests();
});
illegal("silence after DISCONNECT", "a packet after it", (trace) => {
  trace.connects();
  trace.sends({ type: "disconnect", reasonCode: 0 }, { type: "pingreq" });
});
illegal("CONNECT once", "a second one", (trace) => {
  trace.connects();
  trace.sends({ type: "connect", protocolVersion: 5, clientId: "p", cleanStart: false, keepAlive: 0 });
});
illegal("CONNECT first", "a packet before it", (trace) => {
  trace.dials();
  trace.sends({ type: "pingreq" });
});
illegal("waits for CONNACK", "a PUBLISH before it", (trace) => {
  trace.connects({}, {});
  trace.publishes("m1");
  trace.sendsMessage("m1", 1);
});

legal("a PINGREQ in time", (trace) => {
  trace.connects({ keepAlive: 1 });
  trace.passes(990);
  trace.sends({ type: "pingreq" });
});
illegal("Keep Alive", "a PINGREQ that comes late", (trace) => {
  trace.connects({ keepAlive: 1 });
  trace.passes(1_100);
  trace.sends({ type: "pingreq" });
});
illegal("Keep Alive", "silence beyond the Keep Alive of the server", (trace) => {
  trace.connects({ keepAlive: 5 }, { serverKeepAlive: 1 });
  trace.passes(1_100);
  trace.closes();
});

legal("a clean start that is repeated until it succeeds", (trace) => {
  trace.connects({ asksClean: true }, {});
  trace.closes();
  trace.connects({}, {});
  trace.closes();
  trace.connects();
  trace.closes();
  trace.resumes();
});
illegal("Clean Start as asked", "0 where a clean start was asked for", (trace) => {
  trace.connects();
  trace.closes();
  trace.connects({ cleanStart: false, asksClean: true });
});
illegal("Clean Start until it succeeds", "0 without any session", (trace) => {
  trace.connects({ cleanStart: false });
});
illegal("Clean Start until it succeeds", "0 after a clean start without an answer", (trace) => {
  trace.connects();
  trace.closes();
  trace.connects({ asksClean: true }, {});
  trace.closes();
  trace.resumes();
});
legal("a session that goes on after the clean start of a page that had lost it", (trace) => {
  trace.connects();
  trace.publishes("m1", 2);
  trace.sendsMessage("m1", 1);
  trace.opens();
  trace.connects({}, {});
  trace.isTakenOver();
  trace.opens();
  trace.resumes();
  trace.delivers("m1", 1, { dup: true });
  trace.rests();
});
illegal("Clean Start until it succeeds", "0 after the clean start of a page that died", (trace) => {
  trace.connects();
  trace.opens();
  trace.connects({}, {});
  trace.dies();
  trace.opens();
  trace.resumes();
});
illegal("needless Clean Start", "1 where the session goes on", (trace) => {
  trace.connects();
  trace.passes(5_000);
  trace.closes();
  trace.connects();
});
legal("a clean start once the client's own clock says so", (trace) => {
  trace.connects({ sessionExpiryInterval: 2 });
  trace.passes(5_000);
  trace.closes();
  trace.passes(2_100);
  trace.connects();
});

illegal("sends what was published", "a message that nobody published", (trace) => {
  trace.connects();
  trace.sendsMessage("m9", 1);
});
illegal("sends what was published", "a message that is changed", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.sendsMessage("m1", 1, { retain: true });
});
illegal("order", "a message that overtakes another", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.publishes("m2");
  trace.sendsMessage("m2", 2);
  trace.sendsMessage("m1", 1);
});
illegal("once on a connection", "a repetition on the same one", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.sendsMessage("m1", 1);
  trace.sendsMessage("m1", 1, { dup: true });
});
illegal("Receive Maximum", "one message too many", (trace) => {
  trace.connects({}, { receiveMaximum: 1 });
  trace.publishes("m1");
  trace.publishes("m2", 2);
  trace.sendsMessage("m1", 1);
  trace.sendsMessage("m2", 2);
});
legal("as many messages as the server takes", (trace) => {
  trace.connects({}, { receiveMaximum: 1 });
  trace.publishes("m1");
  trace.publishes("m2", 2);
  trace.delivers("m1", 1);
  trace.delivers("m2", 2);
});
illegal("Maximum QoS", "a level above it", (trace) => {
  trace.connects({}, { maximumQoS: 1 });
  trace.publishes("m1", 2);
  trace.sendsMessage("m1", 1);
});
illegal("Retain Available", "a message to retain", (trace) => {
  trace.connects({}, { retainAvailable: false });
  trace.publishes("m1", 1, { retain: true });
  trace.sendsMessage("m1", 1, { retain: true });
});
illegal("Maximum Packet Size", "a packet above it", (trace) => {
  trace.connects({}, { maximumPacketSize: 9 });
  trace.publishes("m1");
  trace.sendsMessage("m1", 1);
});
legal("a packet of that size", (trace) => {
  trace.connects({}, { maximumPacketSize: 10 });
  trace.publishes("m1");
  trace.sendsMessage("m1", 1);
});

legal("a resend with DUP 1 under its identifier", (trace) => {
  trace.connects();
  trace.publishes("m1", 2);
  trace.sendsMessage("m1", 1);
  trace.closes();
  trace.resumes();
  trace.delivers("m1", 1, { dup: true });
});
legal("DUP 1 of a page that cannot know what the one before it had sent", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.dies();
  trace.opens();
  trace.resumes();
  trace.sendsMessage("m1", 1, { dup: true });
});
illegal("DUP", "a resend with DUP 0", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.sendsMessage("m1", 1);
  trace.closes();
  trace.resumes();
  trace.sendsMessage("m1", 1);
});
illegal("DUP", "DUP 1 of what was never sent", (trace) => {
  trace.connects();
  trace.closes();
  trace.publishes("m1");
  trace.resumes();
  trace.sendsMessage("m1", 1, { dup: true });
});
illegal("identifier kept", "a resend under another one", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.sendsMessage("m1", 1);
  trace.closes();
  trace.resumes();
  trace.sendsMessage("m1", 2, { dup: true });
});
illegal("identifier in use", "another message", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.publishes("m2");
  trace.sendsMessage("m1", 1);
  trace.sendsMessage("m2", 1);
});
illegal("identifier in use", "a SUBSCRIBE", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.sendsMessage("m1", 1);
  trace.sends({ type: "subscribe", packetId: 1, subscriptions: [] });
});
illegal("exactly once", "a PUBLISH after its PUBREL", (trace) => {
  trace.connects();
  trace.publishes("m1", 2);
  trace.sendsMessage("m1", 1);
  trace.gets(answer("pubrec", 1));
  trace.sends(answer("pubrel", 1));
  trace.closes();
  trace.resumes();
  trace.sendsMessage("m1", 1, { dup: true });
});
legal("a PUBLISH that comes again since the page died with its PUBREC", (trace) => {
  trace.connects();
  trace.publishes("m1", 2);
  trace.sendsMessage("m1", 1);
  trace.gets(answer("pubrec", 1));
  trace.dies();
  trace.opens();
  trace.resumes();
  trace.delivers("m1", 1, { dup: true });
});
illegal("one session", "a message of the session before", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.sendsMessage("m1", 1);
  trace.closes();
  trace.connects({ asksClean: true });
  trace.sendsMessage("m1", 1, { dup: true });
});
const EXPIRED: WirePacket = {
  type: "publish",
  topic: "t",
  payload: new TextEncoder().encode("m1"),
  qos: 1,
  retain: false,
  dup: false,
  packetId: 1,
  messageExpiryInterval: 1,
};
illegal("lost is lost", "a message that was told to be lost", (trace) => {
  trace.connects();
  trace.publishes("m1", 1, { expiry: 1 });
  trace.passes(1_100);
  trace.loses("m1", "expired");
  trace.sends(EXPIRED);
});
legal("what a page sends that has lost the session, although the next one told that it was lost", (trace) => {
  trace.connects();
  trace.publishes("m1", 1, { expiry: 1 });
  trace.passes(1_100);
  trace.opens();
  trace.resumes();
  trace.loses("m1", "expired");
  trace.goesBackTo(1);
  trace.sends(EXPIRED);
});
illegal("PUBREL after PUBREC", "one before it", (trace) => {
  trace.connects();
  trace.publishes("m1", 2);
  trace.sendsMessage("m1", 1);
  trace.sends(answer("pubrel", 1));
});
illegal("PUBREL order", "another order than that of PUBREC", (trace) => {
  trace.connects();
  trace.publishes("m1", 2);
  trace.publishes("m2", 2);
  trace.sendsMessage("m1", 1);
  trace.sendsMessage("m2", 2);
  trace.gets(answer("pubrec", 1), answer("pubrec", 2));
  trace.sends(answer("pubrel", 2), answer("pubrel", 1));
});
illegal("answers what came", "a PUBACK for nothing", (trace) => {
  trace.connects();
  trace.sends(answer("puback", 1));
});
illegal("answers what came", "a PUBCOMP without PUBREL", (trace) => {
  trace.connects();
  trace.accepts("m1", 1, 2);
  trace.hands("m1", "k1", 2);
  trace.sends(answer("pubcomp", 1));
});
illegal("order of answers", "PUBACK packets that overtake each other", (trace) => {
  trace.connects();
  trace.comes("m1", 1);
  trace.comes("m2", 2);
  trace.sends(answer("puback", 2), answer("puback", 1));
});

legal("a message that is sent again by a page that cannot know that it was refused", (trace) => {
  trace.connects();
  trace.publishes("m1", 2);
  trace.sendsMessage("m1", 1);
  trace.gets(answer("pubrec", 1, 0x97));
  trace.dies();
  trace.opens();
  trace.resumes();
  trace.delivers("m1", 1, { dup: true });
  trace.rests();
});
illegal("PUBREL after PUBREC", "one before the PUBREC of what was sent again", (trace) => {
  trace.connects();
  trace.publishes("m1", 2);
  trace.sendsMessage("m1", 1);
  trace.gets(answer("pubrec", 1, 0x97));
  trace.dies();
  trace.opens();
  trace.resumes();
  trace.sendsMessage("m1", 1, { dup: true });
  trace.sends(answer("pubrel", 1));
});
