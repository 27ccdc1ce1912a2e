/**
 * One call's way through its requests, and what it left behind when it failed.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import type { UpstashClient } from "./client.ts";
import { factsOf } from "./client_facts.ts";
import { commandFailure, type Failure, requestFailure } from "./request_failure.ts";
import { type Answer, answersOf, hmgetReply, membersReply, scanReply, scriptReply } from "./request_reply.ts";
import { bodyBytes, divide } from "./request_size.ts";
import { type Command, nameOf, type Reply, type SendOptions } from "./transport_command.ts";
import { scriptCommandBytes, type ScriptText, type ScriptTexts } from "./transport_script.ts";

/** The most commands that a client puts in one request. */
const MAX_COMMANDS = 1_000;

/** A command on its way. */
export interface Item {
  /** Its place among the commands of the call. */
  readonly index: number;
  /** The command. */
  readonly command: Command;
  /** The size of its keys and arguments in JSON. */
  readonly operandBytes: number;
  /** The size of the whole command in JSON, at its largest. */
  readonly bytes: number;
}

/** A command as it is sent now. */
interface Outgoing extends Item {
  readonly form?: { readonly by: "eval" | "evalsha"; readonly script: ScriptText };
}

/**
 * How scripts are named: all by digest; those that the server did not know by text once each, since it knows them from
 * then on; each by its text, where the one that learned it was another node of a cluster.
 */
type Naming = "digests" | "first texts" | "texts";

/** Sends the commands of one call. */
export class Sending {
  readonly #client: UpstashClient;
  readonly #texts: ScriptTexts;
  readonly #limits: { readonly maxBytes: number; readonly maxCommands: number };
  readonly #options: SendOptions;
  readonly #replies: Reply[] = [];
  /** Whether a script was answered: it may have written. */
  #applied = false;

  /** Makes the sender of one call; `texts` are its transport's. */
  constructor(client: UpstashClient, texts: ScriptTexts, maxBytes: number, options: SendOptions) {
    this.#client = client;
    this.#texts = texts;
    this.#limits = { maxBytes, maxCommands: MAX_COMMANDS };
    this.#options = options;
  }

  /** Sends commands, and gives their replies in the same order. */
  async send(items: readonly Item[]): Promise<readonly Reply[]> {
    // Each request is done, unknown scripts included, before the next leaves: so the order is kept as far as can be.
    for (const request of divide(await this.#named(items, "digests"), this.#limits)) {
      await this.#settle(request, "digests");
    }
    return this.#replies;
  }

  async #settle(request: readonly Outgoing[], naming: Naming): Promise<void> {
    const again: Outgoing[] = [];
    const failures: Failure[] = [];
    let next: Naming = naming === "digests" ? "first texts" : "texts";
    for (const [place, answer] of (await this.#exchange(request)).entries()) {
      const item = request[place] as Outgoing; // As many answers as commands, as #exchange has seen to.
      if ("result" in answer) {
        const failure = this.#keep(item, answer.result);
        if (failure !== undefined) failures.push(failure);
      } else if (item.form?.by === "evalsha" && answer.error.startsWith("NOSCRIPT")) {
        again.push(item);
      } else if (item.form !== undefined && this.#texts.fallsBack(item.form.script, answer.error)) {
        again.push(item);
        next = "first texts";
      } else {
        failures.push(commandFailure(answer.error, factsOf(this.#client)));
      }
    }
    const worst = failures.find(({ certain }) => !certain) ?? failures[0];
    if (worst !== undefined) throw this.#error(worst);
    if (again.length === 0) return;
    const named = await this.#named(again, next);
    for (const part of divide(named, this.#limits)) await this.#settle(part, next);
  }

  /** Keeps the reply of a command that was carried out; a failure if it makes no sense. */
  #keep({ index, command }: Item, result: unknown): Failure | undefined {
    const reply = "script" in command
      ? scriptReply(result)
      : "hmget" in command
      ? hmgetReply(result, command.fields)
      : "scan" in command
      ? scanReply(result)
      : membersReply(result);
    if (reply === undefined) {
      const what = nameOf(command);
      return { certain: false, found: `what came back is no answer of ${what}` };
    }
    if ("script" in command) this.#applied = true;
    this.#replies[index] = reply;
    return undefined;
  }

  /** Sends one request, and waits for its answers unless the signal aborts. */
  async #exchange(request: readonly Outgoing[]): Promise<readonly Answer[]> {
    const { signal } = this.#options;
    if (signal?.aborted === true) throw this.#aborted(signal);
    const executed = await this.#unlessAborted(async () => {
      try {
        const pipeline = this.#client.pipeline();
        for (const { command, form } of request) {
          if ("hmget" in command) pipeline.hmget(command.hmget, ...command.fields);
          else if ("members" in command) {
            const { members, first, last, most } = command;
            pipeline.zrange(members, `[${first}`, `(${last}`, { byLex: true, offset: 0, count: most });
          } else if ("scan" in command) {
            pipeline.scan?.(command.from, { match: command.scan, count: command.about });
          } else if (form?.by === "eval") pipeline.eval(form.script.text, [...command.keys], [...command.args]);
          else pipeline.evalsha(form?.script.sha1 ?? "", [...command.keys], [...command.args]);
        }
        // With the errors kept: the first that is thrown would hide how the commands after it went.
        return await pipeline.exec({ keepErrors: true });
      } catch (error) {
        const sizes = request.map(({ bytes }) => bytes);
        throw this.#error(requestFailure(error, bodyBytes(sizes), factsOf(this.#client)));
      }
    });
    const answers = answersOf(executed, request.length);
    if (answers === undefined) throw this.#error({ certain: false, found: "what came back is no answer" });
    return answers;
  }

  /** How each command is written down now. */
  async #named(items: readonly Item[], naming: Naming): Promise<Outgoing[]> {
    const named: Outgoing[] = [];
    const told = new Set<string>();
    for (const item of items) {
      const { index, command, operandBytes, bytes } = item;
      if (!("script" in command)) {
        named.push({ index, command, operandBytes, bytes });
        continue;
      }
      const script = await this.#texts.of(command.script);
      const asText = naming === "texts" || naming === "first texts" && !told.has(script.sha1);
      told.add(script.sha1);
      const form = { by: asText ? "eval" : "evalsha", script } as const;
      const formBytes = scriptCommandBytes(form, command.keys.length, operandBytes);
      named.push({ index, command, operandBytes, bytes: formBytes, form });
    }
    return named;
  }

  /** The signal stays here: a client that is given an aborted one answers as if Redis had. */
  #unlessAborted<Value>(call: () => Promise<Value>): Promise<Value> {
    const { signal } = this.#options;
    if (signal === undefined) return call();
    return new Promise((resolve, reject) => {
      const abort = () => reject(this.#aborted(signal));
      signal.addEventListener("abort", abort, { once: true });
      call().finally(() => signal.removeEventListener("abort", abort)).then(resolve, reject);
    });
  }

  #aborted(signal: AbortSignal): unknown {
    const { writes } = this.#options;
    return writes
      ? this.#error({ certain: false, found: "the call was aborted", cause: signal.reason })
      : signal.reason;
  }

  #error({ certain, found, cause }: Failure): SessionError {
    const { doing, writes } = this.#options;
    const unknown = writes && (!certain || this.#applied);
    return new SessionError(unknown ? "OUTCOME_UNKNOWN" : "STORE_UNAVAILABLE", `Cannot ${doing}: ${found}`, { cause });
  }
}
