/**
 * One-line faults: what a mutant is, and what a source becomes by it.
 *
 * @module
 */

/** A fault that somebody chose: where it is told by the text that it replaces, which its file holds once. */
export interface ChosenFault {
  /** What is wrong, in a few words. */
  readonly name: string;
  readonly file: string;
  /** The text as it is. It may take lines along to be the only one, but differs in one. */
  readonly text: string;
  readonly replacement: string;
  /** The trap of the reference's section 4, its rows, or the promise of the design that it breaks. */
  readonly breaks: string;
}

/** A change of a source: the characters from `start` to `end` are replaced. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

/** A change of one file of the project, under a name. */
export interface Mutant extends Edit {
  readonly name: string;
  readonly file: string;
  readonly origin: "chosen" | "drawn";
  /** What is broken, where that was said. */
  readonly breaks?: string;
}

/** A line before and after a fault. */
export interface ChangedLine {
  /** Counted from 1. */
  readonly number: number;
  readonly before: string;
  readonly after: string;
}

/** The source with its fault. */
export function mutated(source: string, { start, end, replacement }: Edit): string {
  return source.slice(0, start) + replacement + source.slice(end);
}

/** Finds the place of a chosen fault. Throws a `RangeError` when its text does not stand in the source exactly once. */
export function locate(fault: ChosenFault, source: string): Mutant {
  const { name, file, text, replacement, breaks } = fault;
  const start = source.indexOf(text);
  if (start < 0 || source.indexOf(text, start + 1) >= 0) {
    const found = start < 0 ? "not there" : "there more than once";
    throw new RangeError(`Cannot make the mutant "${name}": its text is ${found} in ${file}`);
  }
  return { name, file, origin: "chosen", start, end: start + text.length, replacement, breaks };
}

/** The lines in which a source differs from its mutant; a fault has one. */
export function changedLines(source: string, { start, end, replacement }: Edit): readonly ChangedLine[] {
  const first = source.lastIndexOf("\n", start - 1) + 1;
  const next = source.indexOf("\n", end);
  const last = next < 0 ? source.length : next;
  const before = source.slice(first, last).split("\n");
  const after = (source.slice(first, start) + replacement + source.slice(end, last)).split("\n");
  const above = source.slice(0, first).split("\n").length - 1;
  const lines: ChangedLine[] = [];
  for (let index = 0; index < Math.max(before.length, after.length); index++) {
    const [old = "", fresh = ""] = [before[index], after[index]];
    if (old !== fresh) lines.push({ number: above + index + 1, before: old.trim(), after: fresh.trim() });
  }
  return lines;
}
