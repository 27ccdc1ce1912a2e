/** What the oracle says of quotas: who is refused for one, who begins a session under it, and what is counted. */
import type { QuotaBounds, WorldBounds } from "./oracle/observation.ts";
import { illegal, legal, type Trace, will } from "./traces/trace.ts";

const REFUSED = { connack: { reasonCode: 0x97 } } as const;
const OF_P = ["a", "b", "c", "reader", "writer"].map((name) => [name, "p"] as const);

/** Of `p` there may be so many sessions; nobody has them but these five clients. */
function quota(sessions: number | undefined, more: Partial<QuotaBounds> = {}): Partial<WorldBounds> {
  const bound = sessions === undefined ? {} : { sessions };
  return { quota: { ...bound, principals: new Map(OF_P), isSteady: false, ...more } };
}

/** Takes its leave, with the session. */
function ends(trace: Trace, client: string): void {
  const link = trace.connects(client);
  link.sends({ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 0 });
  link.closes("server");
}

legal("a refusal of one session too many", (trace) => {
  trace.connects("a");
  trace.connects("b", REFUSED).closes("server");
  trace.rests({ b: { exists: false } }, [{ principal: "p", sessions: 1, queuedBytes: 0 }]);
}, quota(1));
illegal("quota: refused", "a refusal of the first session", (trace) => {
  trace.connects("a", REFUSED);
}, quota(1));
illegal("quota: refused", "a refusal where there is room for one more", (trace) => {
  trace.connects("a");
  trace.connects("b", REFUSED);
}, quota(2));
illegal("quota: refused", "a refusal for the session of a client that was refused itself", (trace) => {
  trace.connects("a");
  trace.connects("b", REFUSED).closes("server");
  trace.connects("c", REFUSED);
}, quota(2));
illegal("quota: refused", "a refusal for sessions of another principal", (trace) => {
  trace.connects("stranger");
  trace.connects("a", REFUSED);
}, quota(1));
illegal("quota: refused", "a refusal of a client that belongs to nobody", (trace) => {
  trace.connects("a");
  trace.connects("stranger", REFUSED);
}, quota(1));
illegal("quota: refused", "a refusal where there is no quota", (trace) => {
  trace.connects("a", REFUSED);
});
for (const cleanStart of [false, true]) {
  illegal("quota: refused", `a refusal of a client whose session is there, Clean Start ${cleanStart}`, (trace) => {
    trace.connects("b");
    trace.connects("a").closes();
    trace.connects("a", { ...REFUSED, cleanStart });
  }, quota(2));
}
illegal("quota: refused", "a refusal for a session whose interval is long over", (trace) => {
  trace.connects("a", { sessionExpiryInterval: 1 }).closes();
  trace.passes(1_200);
  trace.connects("b", REFUSED);
}, quota(1));
legal("a refusal for a session that has ended and was not worked off", (trace) => {
  trace.connects("a", { sessionExpiryInterval: 1 }).closes();
  trace.passes(1_100);
  trace.connects("b", REFUSED);
}, quota(1));
illegal("quota: refused", "a refusal for a session that an administrator has ended", (trace) => {
  trace.connects("a").closes();
  trace.see({ type: "ended", at: trace.now, client: "a" });
  trace.see({ type: "ended", at: trace.now, client: "a", until: trace.now });
  trace.connects("b", REFUSED);
}, quota(1));
legal("a refusal for a session that an administrator is ending", (trace) => {
  trace.connects("a").closes();
  trace.see({ type: "ended", at: trace.now, client: "a" });
  trace.connects("b", REFUSED);
  trace.see({ type: "ended", at: trace.now, client: "a", until: trace.now });
}, quota(1));
legal("a refusal for a session of which nobody was told", (trace) => {
  trace.connects("a", { connack: undefined }).closes();
  trace.connects("b", REFUSED);
}, quota(1));
illegal("quota: refused", "a refusal for a session of which nobody was told, long after it had to end", (trace) => {
  trace.connects("a", { connack: undefined, sessionExpiryInterval: 0 }).closes();
  trace.passes(200);
  trace.connects("b", REFUSED);
}, quota(1));

illegal("session left behind", "a refusal that left a session", (trace) => {
  trace.connects("a");
  trace.connects("c", { connack: undefined }).closes();
  trace.connects("b", REFUSED).closes("server");
  trace.rests({ c: { exists: false } }, [{ principal: "p", sessions: 2, queuedBytes: 0 }]);
}, quota(2));
illegal("Will", "the Will of a CONNECT that was refused", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("#");
  trace.connects("a", { ...REFUSED, will: will("w1") }).closes("server");
  reader.takes("w1");
}, quota(1));

illegal("quota: too many", "a session beside as many as there may be", (trace) => {
  trace.connects("a");
  trace.connects("b");
}, quota(1));
illegal("quota: too many", "a session beside one whose client is away", (trace) => {
  trace.connects("a").closes();
  trace.connects("b");
}, quota(1));
legal("sessions of clients that come after others have gone", (trace) => {
  for (const client of ["a", "b", "c"]) ends(trace, client);
}, quota(1));
legal("a session that goes on, or takes the place of another of its client", (trace) => {
  trace.connects("a");
  trace.connects("b");
  trace.resumes("a").closes();
  trace.connects("a");
  trace.connects("b");
}, quota(2));
legal("sessions of others, and of nobody, beside those that count", (trace) => {
  for (const client of ["a", "stranger", "another"]) trace.connects(client);
}, quota(1));
legal("a session beside one that may have ended", (trace) => {
  trace.connects("a", { sessionExpiryInterval: 0 }).closes();
  trace.connects("b");
}, quota(1));
illegal("quota: too many", "more sessions at rest than there may be", (trace) => {
  trace.connects("a", { connack: undefined }).closes();
  trace.connects("b");
  trace.rests({}, [{ principal: "p", sessions: 2, queuedBytes: 0 }]);
}, quota(1));

for (const sessions of [0, 2]) {
  illegal("quota: places", `${sessions} places of one session`, (trace) => {
    trace.connects("a");
    trace.rests({}, [{ principal: "p", sessions, queuedBytes: 0 }]);
  }, quota(2));
}
illegal("quota: bytes", "bytes that no session has", (trace) => {
  trace.connects("a").closes();
  trace.rests({ a: { queuedMessages: 1, queuedBytes: 3 } }, [{ principal: "p", sessions: 1, queuedBytes: 4 }]);
}, quota(2));

legal("a refusal once enough may wait", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("#");
  reader.closes();
  trace.connects("writer").publishes("m1");
  trace.connects("a", REFUSED);
}, quota(undefined, { queuedBytes: 3 }));
illegal("quota: refused", "a refusal for bytes that were never published", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("#");
  reader.closes();
  trace.connects("writer").publishes("m1");
  trace.connects("a", REFUSED);
}, quota(undefined, { queuedBytes: 4 }));
illegal("quota: refused", "a refusal for bytes that nobody of the principal subscribes to", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("u");
  trace.connects("writer").publishes("m1");
  trace.connects("a", REFUSED);
}, quota(undefined, { queuedBytes: 3 }));
illegal("quota: refused", "a refusal of a client whose session is there, whatever waits", (trace) => {
  const reader = trace.connects("reader");
  reader.subscribes("#");
  reader.closes();
  trace.connects("writer").publishes("m1");
  trace.connects("reader", REFUSED);
}, quota(undefined, { queuedBytes: 3 }));

const OLD = { protocolVersion: 4, connack: { reasonCode: 3 } } as const;
illegal("quota: refused", "return code 3 of a server that is never in trouble", (trace) => {
  trace.connects("a", OLD);
}, quota(1, { isSteady: true }));
legal("return code 3 of a server in trouble", (trace) => {
  trace.connects("a", OLD);
}, quota(1));
legal("return code 3 for a CONNECT that another overtook", (trace) => {
  const first = trace.connects("a", { ...OLD, connack: undefined });
  trace.connects("a");
  first.gets({ type: "connack", sessionPresent: false, reasonCode: 3 });
}, quota(1, { isSteady: true }));
