import type { Change } from "./change.ts";
import type { ClientEffect } from "./client_effect.ts";
import type { Effect } from "./effect.ts";
import type { Request } from "./request.ts";

/** What a step has asked, changed and caused so far; a rule adds to it in order. */
export interface Output {
  readonly requests: Request[];
  readonly changes: Change[];
  readonly effects: (Effect | ClientEffect)[];
}

/** An output with nothing in it. */
export function emptyOutput(): Output {
  return { requests: [], changes: [], effects: [] };
}
