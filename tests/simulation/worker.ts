/** One thread of a search. */
import { search } from "./find.ts";
import type { Answer, Share } from "./parallel.ts";

/** The thread itself, as far as it is used here. */
interface Thread {
  onmessage: ((event: MessageEvent<Share>) => void) | null;
  postMessage(answer: Answer): void;
}

// A module of a worker has the worker as its global object.
const thread = globalThis as unknown as Thread;

thread.onmessage = ({ data: { from, runs } }) => {
  search(from, runs, (found) => thread.postMessage({ type: "found", found })).then(
    ({ counts }) => thread.postMessage({ type: "done", counts }),
    (error) => thread.postMessage({ type: "failed", message: String(error) }),
  );
};
