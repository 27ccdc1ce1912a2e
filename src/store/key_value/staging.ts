/** The large values of one call: each is staged once, however often its commit has to be tried. */
import { together } from "../call.ts";
import { type ChunkRef, isChunkId, type StagedValue } from "./chunk_ref.ts";
import { chunkRef, stage, STAGED_FOR_MS } from "./chunks.ts";
import { getAll, type StoreContext } from "./context.ts";
import type { Layout } from "./layout.ts";
import type { Plan } from "./plan.ts";

/** What to stage. */
export interface StagingRequest {
  /** Whose parts they are: the incarnation of a session, or the id of an outbox. */
  readonly owner: string;
  readonly value: () => Uint8Array;
  /** The key of a part without its number, from the id of the value. */
  readonly prefix: (id: string) => string;
}

/** The staged values of one call. */
export class Staging {
  readonly #context: StoreContext;
  readonly #layout: Layout;
  readonly #dueAt: number;
  readonly #values = new Map<string, StagedValue>();
  readonly #versions = new Map<StagedValue, string>();

  constructor(context: StoreContext, layout: Layout, now: number) {
    this.#context = context;
    this.#layout = layout;
    this.#dueAt = now + STAGED_FOR_MS;
  }

  /** A value to be staged; the same handle gives the same one. */
  stage(handle: string, request: StagingRequest): StagedValue {
    const known = this.#values.get(handle);
    if (known !== undefined) return known;
    const value = request.value();
    const id = this.#context.newId();
    if (!isChunkId(id)) throw new RangeError(`Cannot stage a large message: newId gave ${JSON.stringify(id)}`);
    const ref: ChunkRef = chunkRef(this.#context, id, value.length);
    const { owner } = request;
    const staged: StagedValue = {
      prefix: request.prefix(ref.id),
      ref,
      value,
      dueKey: `${this.#layout.stagedAt(this.#dueAt, owner)}${ref.id}`,
      owner,
    };
    this.#values.set(handle, staged);
    return staged;
  }

  /** After a commit that failed: values whose parts a sweep took meanwhile are to be staged anew. */
  async lookAgain(): Promise<void> {
    const written = [...this.#versions];
    const entries = await getAll(this.#context.driver, written.map(([{ dueKey }]) => dueKey));
    for (const [handle, value] of this.#values) {
      const index = written.findIndex(([staged]) => staged === value);
      if (index === -1 || entries[index]?.version === written[index]?.[1]) continue;
      this.#values.delete(handle);
      this.#versions.delete(value);
    }
  }

  /** Writes the parts that a plan makes visible, and has it check that they still stand. */
  async write(plan: Plan): Promise<void> {
    await together(plan.staged.map(async (staged) => {
      const version = this.#versions.get(staged) ?? await stage(this.#context, staged);
      this.#versions.set(staged, version);
      plan.check(staged.dueKey, version);
    }));
  }
}
