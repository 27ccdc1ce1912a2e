/** What the oracle of clients says of what an application is promised. */
import { answer, illegal, legal, type PageTrace } from "./traces/page_trace.ts";

legal("messages that come, are handed over and taken", (trace) => {
  trace.connects();
  trace.accepts("m1", 1);
  trace.takes("m1", "k1");
  trace.accepts("m2", 2, 2);
  trace.takes("m2", "k2", 2);
  trace.gets(answer("pubrel", 2));
  trace.sends(answer("pubcomp", 2));
  trace.rests();
});
illegal("back at rest", "a client that is not connected", (trace) => {
  trace.connects();
  trace.rests({ online: false });
});
illegal("at rest", "messages that are still on their way", (trace) => {
  trace.connects();
  trace.rests({ outgoing: ["m1 waiting"] });
});
illegal("at rest", "messages that are not handed over", (trace) => {
  trace.connects();
  trace.rests({ unhandled: 1 });
});
illegal("stored is delivered", "a message that is forgotten", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.rests();
});
illegal("stored is delivered", "a message that nothing could have lost, although its page died", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.dies();
  trace.opens();
  trace.resumes();
  trace.rests();
});
legal("a message that was lost by a page that died before it could tell", (trace) => {
  trace.connects();
  trace.publishes("m1", 1, { expiry: 1 });
  trace.passes(1_100);
  trace.dies();
  trace.opens();
  trace.resumes();
  trace.rests();
});
legal("a message that is not stored since the queue is full", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.settles("m1", { outcome: "queueFull" });
  trace.rests();
});

legal("an outcome that is true", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.delivers("m1", 1);
  trace.settles("m1", { outcome: "acknowledged", reasonCode: 0 });
  trace.publishes("m2");
  trace.sendsMessage("m2", 2);
  trace.gets(answer("puback", 2, 0x87));
  trace.settles("m2", { outcome: "refused", reasonCode: 0x87 });
  trace.rests();
});
illegal("told outcome", "an acknowledgement that never came", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.sendsMessage("m1", 1);
  trace.settles("m1", { outcome: "acknowledged", reasonCode: 0 });
});
illegal("told outcome", "a refusal of what the server takes", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.settles("m1", { outcome: "refused", reasonCode: 0x9b });
});
legal("a refusal of what the server does not take", (trace) => {
  trace.connects({}, { maximumQoS: 1 });
  trace.publishes("m1", 2);
  trace.settles("m1", { outcome: "refused", reasonCode: 0x9b });
});
illegal("told outcome", "a full queue for what was sent", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.sendsMessage("m1", 1);
  trace.settles("m1", { outcome: "queueFull" });
});

legal("losses whose reasons are true", (trace) => {
  trace.connects({}, { maximumQoS: 1 });
  trace.publishes("m1", 1, { expiry: 1 });
  trace.publishes("m2", 2);
  trace.publishes("m3");
  trace.sendsMessage("m3", 3);
  trace.passes(1_000);
  trace.loses("m1", "expired");
  trace.loses("m2", "notSupported");
  trace.closes();
  trace.connects({ cleanStart: false }, { sessionPresent: false });
  trace.loses("m3", "sessionLost");
  trace.rests();
});
illegal("told loss", "an expiry before its time", (trace) => {
  trace.connects();
  trace.publishes("m1", 1, { expiry: 1 });
  trace.loses("m1", "expired");
});
illegal("told loss", "an expiry of what is on its way", (trace) => {
  trace.connects({ protocolVersion: 4, cleanStart: false }, { sessionPresent: false });
  trace.publishes("m1", 1, { expiry: 1 });
  trace.sendsMessage("m1", 1);
  trace.passes(1_100);
  trace.loses("m1", "expired");
});
legal("a session of no interval that ends with its connection, although a good-bye with one was asked for", (trace) => {
  trace.connects({ sessionExpiryInterval: 0 });
  trace.publishes("m1");
  trace.sendsMessage("m1", 1);
  trace.leaves(1);
  trace.closes();
  trace.loses("m1", "sessionLost");
});
illegal("told loss", "a session that was not lost", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.sendsMessage("m1", 1);
  trace.loses("m1", "sessionLost");
});
illegal("told loss", "a lost session for what was never sent", (trace) => {
  trace.connects();
  trace.closes();
  trace.publishes("m1");
  trace.connects({ cleanStart: false }, { sessionPresent: false });
  trace.loses("m1", "sessionLost");
});
/** A page that had yet to open asked for a clean start, and its connection was closed this long before it tells a loss. */
function losesByCleanStart(trace: PageTrace, closedForMs: number): void {
  trace.dials(true);
  trace.opens();
  trace.connects();
  trace.publishes("m1");
  trace.sendsMessage("m1", 1);
  trace.dies();
  trace.goesBackTo(1);
  trace.closes();
  trace.passes(closedForMs);
  trace.loses("m1", "sessionLost");
}
legal("a loss by a clean start that had begun when its connection was closed", (trace) => {
  losesByCleanStart(trace, 5);
});
illegal("told loss", "a loss by a clean start whose connection was closed long before", (trace) => {
  losesByCleanStart(trace, 50);
});
illegal("told loss", "a size that the server takes", (trace) => {
  trace.connects();
  trace.publishes("m1");
  trace.loses("m1", "tooLarge");
});

illegal("what came is handed over", "a message that is acknowledged and forgotten", (trace) => {
  trace.connects();
  trace.accepts("m1", 1);
  trace.rests();
});
illegal("hands over what came", "a message that did not", (trace) => {
  trace.connects();
  trace.takes("m1", "k1");
});
illegal("exactly once in", "one exchange under two keys", (trace) => {
  trace.connects();
  trace.accepts("m1", 1, 2);
  trace.takes("m1", "k1", 2);
  trace.takes("m1", "k2", 2);
});
legal("a repeated PUBLISH that is handed over once", (trace) => {
  trace.connects();
  trace.accepts("m1", 1, 2);
  trace.closes();
  trace.resumes();
  trace.accepts("m1", 1, 2);
  trace.takes("m1", "k1", 2);
  trace.rests();
});
illegal("keys", "two messages under one", (trace) => {
  trace.connects();
  trace.accepts("m1", 1);
  trace.accepts("m2", 2);
  trace.hands("m1", "k1");
  trace.hands("m2", "k1");
});
illegal("keys", "a message of QoS 1 under more keys than it came", (trace) => {
  trace.connects();
  trace.accepts("m1", 1);
  trace.hands("m1", "k1");
  trace.hands("m1", "k2");
});
legal("a message that is handed over again until it is taken, also by the next page", (trace) => {
  trace.connects();
  trace.accepts("m1", 1);
  trace.hands("m1", "k1");
  trace.hands("m1", "k1");
  trace.dies();
  trace.opens();
  trace.resumes();
  trace.takes("m1", "k1");
  trace.rests();
});
illegal("taken is taken", "a message that is handed over again to the page that took it", (trace) => {
  trace.connects();
  trace.accepts("m1", 1);
  trace.takes("m1", "k1");
  trace.hands("m1", "k1");
});
illegal("taken is taken", "a page that comes long after it was taken", (trace) => {
  trace.connects();
  trace.accepts("m1", 1);
  trace.takes("m1", "k1");
  trace.passes(1_000);
  trace.dies();
  trace.opens();
  trace.hands("m1", "k1");
});
legal("a page that died before it could write down what was taken", (trace) => {
  trace.connects();
  trace.accepts("m1", 1);
  trace.takes("m1", "k1");
  trace.dies();
  trace.opens();
  trace.hands("m1", "k1");
});
illegal("order of handing over", "a message that overtakes another", (trace) => {
  trace.connects();
  trace.accepts("m1", 1);
  trace.accepts("m2", 2);
  trace.takes("m2", "k2");
  trace.takes("m1", "k1");
});

legal("a loss by the time since the server took its leave", (trace) => {
  trace.connects({ sessionExpiryInterval: 1 });
  trace.publishes("m1");
  trace.sendsMessage("m1", 1);
  trace.gets({ type: "disconnect", reasonCode: 0x8b });
  trace.passes(100);
  trace.closes();
  trace.passes(950);
  trace.loses("m1", "sessionLost");
});
illegal("told loss", "a loss before that time", (trace) => {
  trace.connects({ sessionExpiryInterval: 1 });
  trace.publishes("m1");
  trace.sendsMessage("m1", 1);
  trace.gets({ type: "disconnect", reasonCode: 0x8b });
  trace.passes(100);
  trace.closes();
  trace.passes(850);
  trace.loses("m1", "sessionLost");
});
legal("a loss by a clean start that was asked for before the message was, and leaves after", (trace) => {
  trace.connects();
  trace.dials(true);
  trace.publishes("m1");
  trace.loses("m1", "sessionLost");
});
