/** What the oracle says of enhanced authentication: whose turn it is, who is let in, and what a CONNECT touches until then. */
import { bytes, illegal, legal, type Link, publish, type Trace, will } from "./traces/trace.ts";
import type { WireConnect, WirePacket } from "./oracle/observation.ts";

const METHOD = { authenticationMethod: "STEPS" } as const;
/** Of `a` two answers are asked, of others none. */
const TWO = { steps: new Map([["a", 2]]) };
const LET_IN = { type: "connack", sessionPresent: false, reasonCode: 0, ...METHOD } as const;

function auth(reasonCode: number, words?: string): WirePacket {
  return { type: "auth", reasonCode, ...METHOD, ...(words === undefined ? {} : { authenticationData: bytes(words) }) };
}

/** Connects with a method, and gives these answers to as many questions. */
function answers(trace: Trace, words: readonly string[], connect: Partial<WireConnect> = {}): Link {
  const link = trace.connects("a", { ...METHOD, ...connect, connack: undefined });
  for (const [index, word] of words.entries()) {
    link.gets(auth(0x18, `question ${index + 1}`));
    link.sends(auth(0x18, word));
  }
  return link;
}

const RIGHT = ["answer 1", "answer 2"];

legal("a client that proves who it is, twice", (trace) => {
  const link = answers(trace, RIGHT);
  link.gets(LET_IN);
  link.sends(auth(0x19));
  link.gets(auth(0x18, "question 1"));
  link.publishes("m1");
  link.sends(auth(0x18, "answer 1"));
  link.gets(auth(0x18, "question 2"));
  link.sends(auth(0x18, "answer 2"));
  link.gets(auth(0));
  trace.rests();
}, TWO);
for (const [name, words] of [["too few answers", ["answer 1"]], ["a wrong answer", ["answer 1", "wrong 2"]]] as const) {
  illegal("AUTH", `a client that is let in after ${name}`, (trace) => {
    answers(trace, words).gets(LET_IN);
  }, TWO);
}
illegal("AUTH", "a question after a wrong answer", (trace) => {
  answers(trace, ["wrong 1"]).gets(auth(0x18, "question 2"));
}, TWO);
illegal("AUTH", "two questions at once", (trace) => {
  answers(trace, ["answer 1"]).gets(auth(0x18, "question 2"), auth(0x18, "question 3"));
}, TWO);
illegal("AUTH", "another method than that of CONNECT", (trace) => {
  answers(trace, []).gets({ type: "auth", reasonCode: 0x18, authenticationMethod: "OTHER" });
}, TWO);
illegal("AUTH", "CONNACK without the method of CONNECT", (trace) => {
  answers(trace, RIGHT).gets({ type: "connack", sessionPresent: false, reasonCode: 0 });
}, TWO);
illegal("AUTH", "AUTH 0x00 before CONNACK", (trace) => {
  answers(trace, RIGHT).gets(auth(0));
}, TWO);
illegal("AUTH", "AUTH 0x00 before the last answer", (trace) => {
  const link = answers(trace, RIGHT);
  link.gets(LET_IN);
  link.sends(auth(0x19));
  link.gets(auth(0));
}, TWO);
illegal("AUTH", "AUTH that nobody has asked for", (trace) => {
  const link = answers(trace, RIGHT);
  link.gets(LET_IN, auth(0x18, "question 1"));
}, TWO);
illegal("AUTH", "AUTH where CONNECT named no method", (trace) => {
  trace.connects("a").gets(auth(0x18));
});
illegal("unanswered", "AUTH 0x19 without an answer", (trace) => {
  const link = answers(trace, RIGHT);
  link.gets(LET_IN);
  link.sends(auth(0x19));
  trace.rests();
}, TWO);

for (const words of [["answer 1"], ["answer 1", "wrong 2"]]) {
  const how = words.length === 1 ? "has not proven who it is" : "has proven nothing";
  illegal("Session Present", `a clean start of a client that ${how}`, (trace) => {
    trace.connects("a").closes();
    answers(trace, words).closes();
    trace.connects("a", { cleanStart: false });
  }, TWO);
  illegal("session left behind", `a session of a client that ${how}`, (trace) => {
    answers(trace, words).closes();
    trace.rests();
  }, TWO);
  illegal("Will", `the Will of a client that ${how}`, (trace) => {
    const reader = trace.connects("reader");
    reader.subscribes("#");
    answers(trace, words, { will: will("w1") }).closes();
    reader.gets(publish("w1"));
  }, TWO);
}
legal("a clean start of a client whose last answer may have come", (trace) => {
  trace.connects("a").closes();
  answers(trace, RIGHT, { sessionExpiryInterval: 0 }).closes();
  trace.connects("a", { cleanStart: false });
}, TWO);
illegal("DISCONNECT", "a takeover by a client that has not proven who it is", (trace) => {
  const link = trace.connects("a");
  answers(trace, ["answer 1"]);
  link.gets({ type: "disconnect", reasonCode: 0x8e });
}, TWO);
