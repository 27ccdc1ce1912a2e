/**
 * What runs in a Durable Object: the promises of its stores, asked on its own storage.
 *
 * @module
 */
import {
  durableObjectDriver,
  type DurableObjectStorageLike,
  durableObjectStore,
} from "../../../src/stores/durable_object/mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { compareStores, driverRows } from "../../../src/testing/mod.ts";
import { durableObjectConformance, exploreDurableObject } from "../../support/durable_object_promises.ts";

/** What became of all cases. */
export interface Verdict {
  readonly count: number;
  readonly failures: readonly string[];
}

/** A Durable Object, as far as it is used here. */
interface Context {
  readonly storage: DurableObjectStorageLike;
}

/** The namespace of the objects. */
interface Environment {
  readonly OBJECTS: { getByName(name: string): { fetch(request: Request): Promise<Response> } };
}

/** An object that asks its own storage. */
export class Subject {
  readonly #storage: DurableObjectStorageLike;

  constructor({ storage }: Context) {
    this.#storage = storage;
  }

  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case "/conformance":
        return Response.json(await this.#conformance());
      case "/compare":
        return await answered(compareStores(memoryStore(), durableObjectStore(this.#storage), {
          seed: Number(searchParams.get("seed")),
          steps: 100,
        }));
      case "/explore":
        return await answered(exploreDurableObject(this.#storage, searchParams.getAll("scenario")));
      case "/commit":
        return await answered(this.#commit(searchParams.get("number") ?? ""));
      case "/keys":
        return await answered(
          driverRows(durableObjectDriver(this.#storage)).then((rows) => rows.map(({ key }) => key)),
        );
      case "/limits":
        return await answered(this.#limits());
      default:
        return new Response(null, { status: 404 });
    }
  }

  /** Writes two rows in one commit. */
  #commit(number: string): Promise<unknown> {
    const set = (key: string) => ({ type: "set", key, value: new Uint8Array(1_000) }) as const;
    const keys = [`one/${number}`, `other/${number}`];
    return durableObjectDriver(this.#storage).commit(keys.map((key) => ({ key, version: null })), keys.map(set));
  }

  /** The largest row, and the most parameters, that the platform takes. */
  #limits(): Promise<readonly boolean[]> {
    const { sql } = this.#storage;
    const takes = (query: string, ...bindings: unknown[]): boolean => {
      try {
        sql.exec(query, ...bindings).toArray();
        return true;
      } catch {
        return false;
      }
    };
    sql.exec("CREATE TABLE probe (value BLOB)");
    const parameters = (count: number): boolean =>
      takes(`SELECT 1 WHERE 1 IN (${Array(count).fill("?").join()})`, ...Array(count).fill(1));
    const bytes = (count: number): boolean => takes("INSERT INTO probe VALUES (?)", new Uint8Array(count));
    return Promise.resolve([parameters(100), parameters(101), bytes(2_000_000), bytes(2_200_000)]);
  }

  async #conformance(): Promise<Verdict> {
    const cases: { readonly name: string; run(): Promise<void> }[] = [];
    durableObjectConformance("Durable Object", (name, run) => cases.push({ name, run }), () => ({
      storage: this.#storage,
      close: () => {},
    }));
    const failures: string[] = [];
    for (const { name, run } of cases) {
      try {
        await run();
      } catch (error) {
        failures.push(`${name}: ${error instanceof Error ? error.stack : error}`);
      }
    }
    return { count: cases.length, failures };
  }
}

/** An answer, or why there is none. */
async function answered(answer: Promise<unknown>): Promise<Response> {
  try {
    return Response.json(await answer ?? null);
  } catch (error) {
    return new Response(String(error instanceof Error ? error.stack : error), { status: 500 });
  }
}

/** Each path is asked of the object that `object` names. */
export default {
  fetch: (request: Request, { OBJECTS }: Environment): Promise<Response> =>
    OBJECTS.getByName(new URL(request.url).searchParams.get("object") ?? "subject").fetch(request),
};
