/** What one commit will check and write, collected before it is sent, so that its size is known. */
import type { Check, DriverLimits, Mutation } from "./driver.ts";
import type { StagedValue } from "./chunk_ref.ts";

/** What a commit costs against the limits of a driver. */
export interface PlanCost {
  readonly checks: number;
  readonly mutations: number;
  readonly bytes: number;
  readonly keyBytes: number;
}

/** A commit in the making. A later write of a key replaces an earlier one. */
export class Plan {
  readonly #checks = new Map<string, string | null>();
  readonly #writes = new Map<string, Uint8Array | undefined>();
  readonly #staged: StagedValue[] = [];
  #bytes = 0;
  #keyBytes = 0;

  /** Whether nothing is to be written. */
  get isEmpty(): boolean {
    return this.#writes.size === 0;
  }

  /** What the commit costs. */
  get cost(): PlanCost {
    return {
      checks: this.#checks.size,
      mutations: this.#writes.size,
      bytes: this.#bytes + this.#keyBytes,
      keyBytes: this.#keyBytes,
    };
  }

  /** Large values whose parts are written first. */
  get staged(): readonly StagedValue[] {
    return this.#staged;
  }

  /** The keys that get a value. */
  get keysSet(): string[] {
    return [...this.#writes].flatMap(([key, value]) => value === undefined ? [] : [key]);
  }

  /** The keys that are deleted. */
  get keysDeleted(): string[] {
    return [...this.#writes].flatMap(([key, value]) => value === undefined ? [key] : []);
  }

  /** Insists on a version. */
  check(key: string, version: string | null): void {
    if (!this.#checks.has(key)) this.#keyBytes += key.length;
    this.#checks.set(key, version);
  }

  /** Writes a key. */
  set(key: string, value: Uint8Array): void {
    this.#write(key, value);
  }

  /** Deletes a key. */
  delete(key: string): void {
    this.#write(key, undefined);
  }

  /** Makes a large value visible: its due row must still stand, and goes. */
  stage(value: StagedValue): void {
    this.#staged.push(value);
    this.check(value.dueKey, null);
    this.delete(value.dueKey);
  }

  /** Adds another plan. */
  add(other: Plan): void {
    for (const [key, version] of other.#checks) this.check(key, version);
    for (const [key, value] of other.#writes) this.#write(key, value);
    this.#staged.push(...other.#staged);
  }

  /** How full a commit would be with another plan added; above 1 it is too full. */
  fullness(limits: DriverLimits, other: Plan): number {
    let { checks, mutations, bytes, keyBytes } = this.cost;
    for (const key of other.#checks.keys()) {
      if (this.#checks.has(key)) continue;
      checks++;
      keyBytes += key.length;
      bytes += key.length;
    }
    for (const [key, value] of other.#writes) {
      bytes += value?.length ?? 0;
      if (this.#writes.has(key)) continue;
      mutations++;
      keyBytes += key.length;
      bytes += key.length;
    }
    return Math.max(
      checks / limits.checksPerCommit,
      mutations / limits.mutationsPerCommit,
      bytes / limits.bytesPerCommit,
      keyBytes / limits.keyBytesPerCommit,
    );
  }

  /** The checks to send. */
  checks(): Check[] {
    return Array.from(this.#checks, ([key, version]) => ({ key, version }));
  }

  /** The mutations to send. */
  mutations(): Mutation[] {
    return Array.from(
      this.#writes,
      ([key, value]) => value === undefined ? { type: "delete", key } : { type: "set", key, value },
    );
  }

  #write(key: string, value: Uint8Array | undefined): void {
    if (this.#writes.has(key)) this.#bytes -= this.#writes.get(key)?.length ?? 0;
    else this.#keyBytes += key.length;
    this.#bytes += value?.length ?? 0;
    this.#writes.set(key, value);
  }
}
