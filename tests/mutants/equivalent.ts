import type { Mutant } from "./mutant.ts";

/** A drawn fault that changes nothing that anybody can see, and why. */
export interface EquivalentFault {
  readonly file: string;
  /** The line as it is, and as the fault makes it. */
  readonly line: string;
  readonly becomes: string;
  readonly because: string;
}

/** Drawn faults that are none. The list is to stay short: a fault that nobody notices is more often a missing test. */
export const EQUIVALENT_FAULTS: readonly EquivalentFault[] = [
  {
    file: "src/routing/shape.ts",
    line: 'for (let slash = topic.indexOf("/"); starts.length < most; slash = topic.indexOf("/", slash + 1)) {',
    becomes: 'for (let slash = topic.indexOf("/"); starts.length <= most; slash = topic.indexOf("/", slash + 1)) {',
    because: "A topic deeper than every shape seems deeper by two levels instead of one, and no recipe reaches either.",
  },
  {
    file: "src/routing/resolve.ts",
    line: "if (subscription.qos > granted) granted = subscription.qos;",
    becomes: "if (subscription.qos >= granted) granted = subscription.qos;",
    because: "A level that is equal takes the place of itself.",
  },
  {
    file: "src/stores/upstash_redis/repair.ts",
    line: 'if (routes.length > 0) changes.push({ key: "routes", command: "CHANGE", args: routes });',
    becomes: 'if (routes.length >= 0) changes.push({ key: "routes", command: "CHANGE", args: routes });',
    because: "A change of no members changes nothing: the script goes through its arguments, and there are none.",
  },
];

/** Whether a drawn fault is one. */
export function isFault({ file, name }: Mutant): boolean {
  return !EQUIVALENT_FAULTS.some((each) => each.file === file && name.endsWith(`: ${each.line} → ${each.becomes}`));
}
