/**
 * Faults that a script can make: found in the syntax tree, so that a comment or a text is never taken for code.
 *
 * The tree is given to test runs alone (`Deno.lint.runPlugin`), so that whoever draws outside of one runs `list_edits.ts`.
 *
 * @module
 */
import type { Edit } from "./mutant.ts";

/** What an edit does. */
export type EditKind =
  /** `<` becomes `<=`, and so on: right but for the limit itself. */
  | "boundary"
  /** `===` becomes `!==`, and the reverse. */
  | "equality"
  /** A number in a comparison or a sum is one more or one less. */
  | "offByOne"
  /** `!` is left out. */
  | "negation"
  /** `&&` becomes `||`, and the reverse. */
  | "logic"
  /** `a ?? b` is always `b`. */
  | "default"
  /** `Math.min` becomes `Math.max`, and the reverse. */
  | "extreme"
  /** A call or an assignment of a member is left out. */
  | "dropped";

/** All kinds, in the order in which they are drawn from. */
export const EDIT_KINDS: readonly EditKind[] = [
  "boundary",
  "equality",
  "offByOne",
  "negation",
  "logic",
  "default",
  "extreme",
  "dropped",
];

/** An edit, and what it does. */
export interface KindOfEdit extends Edit {
  readonly kind: EditKind;
}

const SWAPS: Readonly<Record<string, readonly [EditKind, string]>> = {
  "<": ["boundary", "<="],
  "<=": ["boundary", "<"],
  ">": ["boundary", ">="],
  ">=": ["boundary", ">"],
  "===": ["equality", "!=="],
  "!==": ["equality", "==="],
  "&&": ["logic", "||"],
  "||": ["logic", "&&"],
};
const COUNTING: readonly string[] = ["<", "<=", ">", ">=", "===", "!==", "+", "-"];
const LOOPS: readonly string[] = [
  "ForStatement",
  "ForOfStatement",
  "ForInStatement",
  "WhileStatement",
  "DoWhileStatement",
];

type Tree = Deno.lint.Node;
type Operation = Deno.lint.BinaryExpression | Deno.lint.LogicalExpression;

/** All edits of a source that stay within a line, in the order of their places. */
export function editsOf(source: string): readonly KindOfEdit[] {
  const found: KindOfEdit[] = [];
  const add = (kind: EditKind, start: number, end: number, replacement: string): void => {
    if (!source.slice(start, end).includes("\n")) found.push({ kind, start, end, replacement });
  };
  const text = ({ range }: { readonly range: readonly [number, number] }): string => source.slice(...range);

  function swap({ operator, left, right }: Operation): void {
    const swapped = SWAPS[operator];
    if (swapped === undefined) return;
    const start = source.indexOf(operator, left.range[1]);
    if (start < right.range[0]) add(swapped[0], start, start + operator.length, swapped[1]);
  }

  function shift(node: Tree): void {
    if (node.type !== "Literal" || typeof node.value !== "number") return;
    add("offByOne", ...node.range, `${node.value + 1}`);
    if (node.value > 0) add("offByOne", ...node.range, `${node.value - 1}`);
  }

  const finder: Deno.lint.Plugin = {
    name: "finder",
    rules: {
      edits: {
        create: () => ({
          BinaryExpression: (node) => {
            swap(node);
            if (!COUNTING.includes(node.operator)) return;
            for (const side of [node.left, node.right]) shift(side);
          },
          LogicalExpression: (node) => {
            swap(node);
            if (node.operator === "??") add("default", ...node.range, `(${text(node.right)})`);
          },
          UnaryExpression: (node) => {
            if (node.operator === "!") add("negation", node.range[0], node.range[0] + 1, "");
          },
          MemberExpression: ({ object, property }) => {
            if (text(object) !== "Math" || !["min", "max"].includes(text(property))) return;
            add("extreme", ...property.range, text(property) === "min" ? "max" : "min");
          },
          ExpressionStatement: (node) => {
            const what = node.expression.type === "AwaitExpression" ? node.expression.argument : node.expression;
            const assigns = what.type === "AssignmentExpression" && what.left.type === "MemberExpression";
            // A loop may end by an assignment: without it nothing but a time limit would notice.
            const isSafe = what.type === "CallExpression" || (assigns && !isInLoop(node));
            if (isSafe) add("dropped", ...node.range, "{}");
          },
        }),
      },
    },
  };
  Deno.lint.runPlugin(finder, "module.ts", source);
  return found.toSorted((a, b) => a.start - b.start || a.end - b.end || (a.replacement < b.replacement ? -1 : 1));
}

/** What a node is, and what it is part of. */
interface Nested {
  readonly type: string;
  readonly parent?: Nested | null;
}

function isInLoop(node: Nested): boolean {
  for (let outer = node.parent; outer; outer = outer.parent) {
    if (LOOPS.includes(outer.type)) return true;
    if (outer.type.includes("Function")) return false;
  }
  return false;
}
