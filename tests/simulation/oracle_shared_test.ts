/** What the oracle says of shared subscriptions: who gets a message, how often, and who else may after that. */
import { bytes, illegal, legal, type Link, publish, release, subscribe, type Trace } from "./traces/trace.ts";

const SHARED = "$share/g/t";

/** Two members and a publisher. */
function group(trace: Trace, qos: 1 | 2 = 2): { readonly a: Link; readonly b: Link; readonly writer: Link } {
  const [a, b] = [trace.connects("a"), trace.connects("b")];
  for (const each of [a, b]) each.subscribes(SHARED, qos);
  return { a, b, writer: trace.connects("writer") };
}

const REST = { [SHARED]: {} };

/** A session ends that may have started a message of QoS 1, and that takes QoS 2. */
function endsWithOne(trace: Trace): void {
  const { a, writer } = group(trace);
  writer.publishes("m1");
  a.closes();
  trace.connects("a").subscribes(SHARED, 2);
  trace.rests(REST);
}

legal("each message at one member", (trace) => {
  const { a, b, writer } = group(trace);
  for (const text of ["m1", "m2"]) writer.publishes(text, { qos: 2 });
  a.takes("m1", { qos: 2 });
  b.takes("m2", { qos: 2 });
  trace.rests(REST);
});
illegal("group: exactly one", "a message at both of them", (trace) => {
  const { a, b, writer } = group(trace);
  writer.publishes("m1", { qos: 2 });
  a.takes("m1", { qos: 2 });
  b.takes("m1", { qos: 2 });
});
illegal("group: one member", "a message of QoS 1 at another member, while the session of the first lives", (trace) => {
  const { a, b, writer } = group(trace, 1);
  writer.publishes("m1");
  a.gets(publish("m1"));
  a.closes();
  b.takes("m1");
});
legal("a message of QoS 1 that goes on to another member, since the session of the first has ended", (trace) => {
  const { a, b, writer } = group(trace, 1);
  writer.publishes("m1");
  a.gets(publish("m1"));
  a.closes();
  trace.connects("a").subscribes(SHARED, 1);
  b.takes("m1");
  trace.rests(REST);
});
legal(
  "a message of QoS 1 that went on to another member, and then comes late to the first, whose session has ended",
  (trace) => {
    const { a, b, writer } = group(trace, 1);
    writer.publishes("m1");
    trace.see({ type: "ended", at: trace.now, client: "a" });
    trace.see({ type: "ended", at: trace.now, client: "a", until: trace.now });
    b.takes("m1");
    a.gets(publish("m1"), { type: "disconnect", reasonCode: 0x98 });
    a.closes("server");
    trace.rests({ a: { exists: false }, ...REST });
  },
);
illegal("group: exactly one", "a started QoS 2 exchange at another member ([MQTT-4.8.2-5])", (trace) => {
  const { a, b, writer } = group(trace);
  writer.publishes("m1", { qos: 2 });
  a.gets(publish("m1", { qos: 2 }));
  a.closes();
  trace.connects("a").subscribes(SHARED, 2);
  b.takes("m1", { qos: 2 });
});
legal("a started QoS 2 exchange that ended with its session", (trace) => {
  const { a, writer } = group(trace);
  writer.publishes("m1", { qos: 2 });
  a.gets(publish("m1", { qos: 2 }));
  a.closes();
  trace.connects("a").subscribes(SHARED, 2);
  trace.rests(REST);
});
legal("a message that a rule raised to QoS 2, and that ended with the session that may have started it", endsWithOne, {
  levels: [{ filter: "#", upgradeQoS: true }],
});
illegal("group: lost message", "one of QoS 1 that ended with the session that may have started it", endsWithOne);
illegal("group: at most one", "QoS 0 at two members", (trace) => {
  const { a, b, writer } = group(trace);
  writer.publishes("m1", { qos: 0 });
  a.gets(publish("m1", { qos: 0 }));
  b.gets(publish("m1", { qos: 0 }));
});
illegal("group: lost message", "a message at nobody", (trace) => {
  group(trace).writer.publishes("m1");
  trace.rests(REST);
});
illegal("group: lost message", "a message of QoS 1 that ended with a session that never acknowledged it", (trace) => {
  const { a, writer } = group(trace, 1);
  writer.publishes("m1");
  a.gets(publish("m1"));
  a.closes();
  trace.connects("a").subscribes(SHARED, 1);
  trace.rests(REST);
});
illegal("group: lost message", "more of QoS 2 than a window holds", (trace) => {
  const keeper = trace.connects("keeper", { receiveMaximum: 1 });
  keeper.subscribes(SHARED, 2);
  const a = trace.connects("a", { receiveMaximum: 1 });
  a.subscribes(SHARED, 2);
  const writer = trace.connects("writer");
  for (const text of ["m1", "m2", "m3"]) writer.publishes(text, { qos: 2 });
  a.closes();
  // The window of each connection of "a" may have gone with its sessions: that is two.
  trace.connects("a", { receiveMaximum: 1 });
  trace.rests(REST);
});
legal("a message that a group counted as lost by its limit", (trace) => {
  group(trace).writer.publishes("m1");
  trace.rests({ [SHARED]: { dropped: { queueFullOldest: 1 } } });
}, { queueIsLimited: true });
illegal("dropped without reason", "a limit that there is not", (trace) => {
  group(trace);
  trace.rests({ [SHARED]: { dropped: { queueFullOldest: 1 } } });
});
illegal("group at rest", "a message that waits beside an idle member", (trace) => {
  group(trace).writer.publishes("m1");
  trace.rests({ [SHARED]: { queuedMessages: 1 } });
}, { queueIsLimited: true });
illegal("group lost", "a group that is gone though it has members", (trace) => {
  group(trace);
  trace.rests({ [SHARED]: { exists: false } });
});
legal("what waited for a member that came later, in a session that is younger", (trace) => {
  const a = trace.connects("a");
  a.subscribes(SHARED, 2);
  a.closes();
  trace.connects("writer").publishes("m1");
  const b = trace.connects("b");
  b.subscribes(SHARED, 2);
  b.takes("m1");
  trace.rests(REST);
});
illegal("older than the session", "what was taken before there was a group", (trace) => {
  trace.connects("writer").publishes("m1");
  const b = trace.connects("b");
  b.subscribes(SHARED, 2);
  b.gets(publish("m1"));
});
illegal("no subscription", "what was published after the member had left", (trace) => {
  const { a, writer } = group(trace);
  a.sends({ type: "unsubscribe", packetId: 5, filters: [SHARED] });
  a.gets({ type: "unsuback", packetId: 5, reasonCodes: [0] });
  writer.publishes("m1");
  a.gets(publish("m1"));
});
legal("two copies, one of a group and one of its own", (trace) => {
  const { a, writer } = group(trace);
  a.subscribes("#", 2, { identifier: 7 });
  writer.publishes("m1");
  a.takes("m1", { id: 1, subscriptionIdentifiers: [7] });
  a.takes("m1", { id: 2 });
  trace.rests(REST);
});
illegal("copy from a group", "a level above what the member takes", (trace) => {
  const { a, writer } = group(trace, 1);
  writer.publishes("m1", { qos: 2 });
  a.gets(publish("m1", { qos: 2 }));
});
illegal("copy from a group", "a retained message after SUBSCRIBE", (trace) => {
  const { a, writer } = group(trace);
  writer.publishes("m1", { retain: true });
  a.gets(publish("m1", { retain: true }));
});
illegal("SUBACK codes", "an answer to a shared subscription with No Local ([MQTT-3.8.3-4])", (trace) => {
  const a = trace.connects("a");
  a.sends(subscribe(1, SHARED, 1, { noLocal: true }));
  a.gets({ type: "suback", packetId: 1, reasonCodes: [1] });
});
illegal("group: order", "a later message before an earlier one, where one node has all members", (trace) => {
  const { a, b, writer } = group(trace);
  for (const text of ["m1", "m2", "m3"]) writer.publishes(text);
  b.takes("m2", { id: 1 });
  a.takes("m3", { id: 1 });
  a.takes("m1", { id: 2 });
  trace.rests(REST);
}, { ordersGroups: true });
legal("a later message before an earlier one that was given back", (trace) => {
  const { a, b, writer } = group(trace);
  for (const text of ["m1", "m2"]) writer.publishes(text);
  b.closes();
  a.takes("m2", { id: 1 });
  a.takes("m1", { id: 2 });
  trace.rests(REST);
}, { ordersGroups: true });
illegal("group: claims", "a member that holds more than it takes at once", (trace) => {
  const a = trace.connects("a", { receiveMaximum: 2 });
  a.subscribes(SHARED, 2);
  trace.see({ type: "inspected", at: trace.now, client: "a", queuedMessages: 3 });
});
legal("a host's message in any number of copies", (trace) => {
  const { a, b } = group(trace);
  trace.see({ type: "hostPublished", at: trace.now, topic: "t", payload: bytes("h1"), qos: 1 });
  a.takes("h1");
  b.takes("h1");
  b.sends(release("puback", 9));
  trace.rests(REST);
});
