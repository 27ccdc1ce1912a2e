/**
 * What goes wrong between a client and Upstash, when a test says so.
 *
 * @module
 */
import { type Command, textOf } from "./resp_codec.ts";

/** A request, as far as a rule looks at it. */
export interface SeenRequest {
  /** The body as text. */
  readonly body: string;
  /** Its commands, arguments as text. */
  readonly commands: readonly (readonly string[])[];
}

/** What happens to a request. */
export type Effect =
  /**
   * The connection ends before a reply: after a line that is no HTTP, or with `vanish` without a byte, in which case
   * fetch may send the request again by itself. `applied` says whether the commands were run before.
   */
  | { readonly kind: "tear" | "vanish"; readonly applied: boolean }
  /** Something else is answered, and no command is run unless `applied`. */
  | {
    readonly kind: "answer";
    readonly status: number;
    readonly body: string;
    readonly contentType?: string;
    readonly applied?: boolean;
  }
  /** The commands are run, and the connection ends after so many bytes of the reply's body. */
  | { readonly kind: "truncate"; readonly bytes: number }
  /** It waits until the rule is released: before its commands are run, or with `applied` before the reply is sent. */
  | { readonly kind: "hold"; readonly applied: boolean };

/** Which requests a rule is for. */
export interface Scope {
  /** Default: any. */
  readonly when?: (request: SeenRequest) => boolean;
  /** After so many requests the rule is spent; default 1. */
  readonly times?: number;
}

/** A rule that was set. */
export interface Fault {
  /** So many requests it was applied to. */
  readonly hits: number;
  /** The first of them, once there is one. Of a held one: it waits now. */
  readonly hit: Promise<SeenRequest>;
  /** Ends the rule; requests that it holds go on. */
  release(): void;
}

interface Rule {
  readonly scope: Scope;
  readonly effect: Effect;
  left: number;
  hits: number;
  arrived(request: SeenRequest): void;
  readonly released: Promise<void>;
}

/** What `ERR max requests limit exceeded` looks like on a plan with a limit. */
const RATE_LIMIT = '{"error":"ERR max requests limit exceeded. Limit: 500000, Usage: 500000."}';

/** The rules of one server. The first that fits a request decides about it. */
export class Faults {
  #rules: Rule[] = [];
  readonly #releases = new Set<() => void>();
  readonly #door: { refuse(): Promise<void>; accept(): Promise<void> };

  constructor(door: { refuse(): Promise<void>; accept(): Promise<void> }) {
    this.#door = door;
  }

  /** Sets a rule. */
  add(effect: Effect, scope: Scope = {}): Fault {
    const hit = Promise.withResolvers<SeenRequest>();
    const released = Promise.withResolvers<void>();
    const rule: Rule = {
      scope,
      effect,
      left: scope.times ?? 1,
      hits: 0,
      arrived: hit.resolve,
      released: released.promise,
    };
    const release = (): void => {
      rule.left = 0;
      released.resolve();
      this.#releases.delete(release);
    };
    this.#releases.add(release);
    this.#rules.push(rule);
    return {
      get hits() {
        return rule.hits;
      },
      hit: hit.promise,
      release,
    };
  }

  /** The commands are run, but the reply is lost. */
  dropReply(scope?: Scope): Fault {
    return this.add({ kind: "tear", applied: true }, scope);
  }

  /**
   * The commands are run, but the connection ends without a byte of a reply. On a connection that served others before,
   * Deno's fetch sends the request once more, so that the commands may be run twice with one call.
   */
  vanish(scope?: Scope): Fault {
    return this.add({ kind: "vanish", applied: true }, scope);
  }

  /** The connection ends before a command is run. */
  dropRequest(scope?: Scope): Fault {
    return this.add({ kind: "tear", applied: false }, scope);
  }

  /** 429: no more requests are allowed. */
  limitRate(scope?: Scope): Fault {
    return this.add({ kind: "answer", status: 429, body: RATE_LIMIT }, scope);
  }

  /** A status with an error in JSON, before a command is run. */
  fail(status: number, scope?: Scope): Fault {
    return this.add({ kind: "answer", status, body: '{"error":"ERR internal error"}' }, scope);
  }

  /** A status with a body that is no JSON, as a proxy on the way answers. */
  failWithText(status: number, scope?: Scope): Fault {
    const body = `<html><body><h1>${status}</h1></body></html>`;
    return this.add({ kind: "answer", status, body, contentType: "text/html" }, scope);
  }

  /** The commands are run, but the reply ends early. */
  truncate(bytes: number, scope?: Scope): Fault {
    return this.add({ kind: "truncate", bytes }, scope);
  }

  /** A request waits, until released, before its commands are run. */
  hold(scope?: Scope): Fault {
    return this.add({ kind: "hold", applied: false }, scope);
  }

  /** A request's commands are run, and its reply waits until released. */
  holdReply(scope?: Scope): Fault {
    return this.add({ kind: "hold", applied: true }, scope);
  }

  /** Ends all connections and refuses new ones. */
  refuse(): Promise<void> {
    return this.#door.refuse();
  }

  /** Takes connections again. */
  accept(): Promise<void> {
    return this.#door.accept();
  }

  /** Ends all rules. */
  clear(): void {
    for (const release of [...this.#releases]) release();
    this.#rules = [];
  }

  /** What happens to a request. */
  take(
    body: Uint8Array,
    commands: readonly Command[],
  ): { readonly effect: Effect; readonly released: Promise<void> } | undefined {
    this.#rules = this.#rules.filter(({ left }) => left > 0);
    if (this.#rules.length === 0) return undefined;
    const seen = { body: textOf(body), commands: commands.map((command) => command.map(textOf)) };
    const rule = this.#rules.find(({ scope }) => scope.when?.(seen) ?? true);
    if (rule === undefined) return undefined;
    rule.left--;
    rule.hits++;
    rule.arrived(seen);
    return rule;
  }
}
