/**
 * Looking for the topics of a filter among positions in order: what does not match tells where the next one can stand, so
 * that whole branches are passed over.
 *
 * @module
 */
import { behind, escapeTopic, KEPT_CHARACTERS } from "./position.ts";

/** A filter on its way through the positions. */
export interface Walk {
  /** The first position that can match. */
  readonly start: string;
  /** The first position after all that can. */
  readonly end: string;
  /** Whether only the topic of the same text can match. */
  readonly isExact: boolean;
  /**
   * Whether a topic matches: `true`, or else where the next match can stand at the earliest, its own position where nothing
   * is known; `undefined` when there is none.
   */
  judge(topic: string): true | string | undefined;
}

/** Above every character of a position. */
const LAST = "\x7f";

/** Prepares the walk of a plain filter, or of every topic. */
export function walkOf(filter: string | undefined): Walk {
  if (filter === undefined) return { start: "", end: LAST, isExact: false, judge: () => true };
  const levels = filter.split("/");
  const escaped = levels.map(escapeTopic);
  const firstWild = levels.findIndex((level) => level === "+" || level === "#");
  if (firstWild === -1) {
    const only = escapeTopic(filter);
    return { start: only, end: only + LAST, isExact: true, judge: (topic) => topic === filter ? true : undefined };
  }
  const literal = escaped.slice(0, firstWild);
  // `a/#` matches `a` as well; what stands between that and `a/` is passed over.
  const start = kept(literal.join("/") + (firstWild > 0 && levels[firstWild] === "+" ? "/" : ""));
  const end = kept(firstWild === 0 ? "" : `${literal.join("/")}/`) + LAST;
  return { start, end, isExact: false, judge: (topic) => judge(levels, escaped, topic) };
}

/** Longer positions end in a digest, so that they are found by their beginnings alone. */
function kept(prefix: string): string {
  return prefix.slice(0, KEPT_CHARACTERS);
}

function judge(levels: readonly string[], escaped: readonly string[], topic: string): true | string | undefined {
  const given = topic.split("/");
  const own = given.map(escapeTopic);
  const current = own.join("/");
  /** Everything up to a level, with its slash. */
  const through = (count: number): string => own.slice(0, count).map((level) => `${level}/`).join("");
  /** Behind the branch of the deepest level before this one that any text could fill. */
  const nextBranch = (before: number): string | undefined => {
    for (let index = before - 1; index >= 0; index--) if (levels[index] === "+") return behind(through(index + 1));
    return undefined;
  };
  for (const [index, level] of levels.entries()) {
    const isReserved = index === 0 && topic.startsWith("$");
    if (level === "#") return isReserved ? behind(through(1)) : true;
    if (index >= given.length) {
      // Other texts that fill the last level may stand before the slash: `a-b/c` comes between `a` and `a/c`.
      if (levels[index - 1] === "+") return current;
      return through(index) + (level === "+" ? "" : escaped[index]);
    }
    if (level === "+") {
      if (isReserved) return behind(through(1));
      continue;
    }
    if (level === given[index]) continue;
    const wanted = through(index) + escaped[index];
    const isLast = index === levels.length - 1;
    const endsHere = isLast || levels[index + 1] === "#";
    if (endsHere && wanted > current) return wanted;
    if (!isLast && `${wanted}/` > current) return `${wanted}/`;
    return nextBranch(index);
  }
  return given.length === levels.length ? true : behind(through(levels.length));
}
