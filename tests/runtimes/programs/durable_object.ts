import { type DurableObjectStorageLike, durableObjectStore } from "@edge-mqtt/session/durable-object";
import { checkSame } from "./support/check.ts";
import { resumesOver } from "./support/resumes.ts";
import type { Surroundings } from "./support/surroundings.ts";

/** What of a namespace of objects is used. */
interface ObjectNamespace {
  idFromName(name: string): unknown;
  get(id: unknown): { fetch(url: string): Promise<Response> };
}

/** An object in which a session is resumed over its storage. */
export class SessionObject {
  readonly #storage: DurableObjectStorageLike;

  constructor({ storage }: { readonly storage: DurableObjectStorageLike }) {
    this.#storage = storage;
  }

  async fetch(): Promise<Response> {
    await resumesOver(() => durableObjectStore(this.#storage));
    return new Response("resumed");
  }
}

/** Asks the object. */
export async function run({ bindings }: Surroundings): Promise<void> {
  // The worker is started with it.
  const objects = bindings?.["OBJECTS"] as ObjectNamespace;
  const answer = await objects.get(objects.idFromName("one")).fetch("http://object/");
  checkSame(await answer.text(), "resumed", "what the object says");
}
