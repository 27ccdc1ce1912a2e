/**
 * The promises of the stores in a Durable Object, each asked on its storage, wherever that is.
 *
 * @module
 */
import { keyValueStore } from "../../src/store/key_value/mod.ts";
import {
  durableObjectDriver,
  durableObjectRetained,
  type DurableObjectStorageLike,
  durableObjectStore,
} from "../../src/stores/durable_object/mod.ts";
import {
  driverRows,
  type ExploreReport,
  exploreStore,
  plantFault,
  retainedConformance,
  storeConformance,
} from "../../src/testing/mod.ts";

/** Registers a test. */
export type Test = (name: string, run: () => Promise<void>) => void;

/** A storage, and what gives it back. */
export interface OpenStorage {
  readonly storage: DurableObjectStorageLike;
  close(): void;
}

const CAPABILITIES = { fencing: "strict", durability: "process", consistency: "strong", watch: "none" } as const;

/** Registers a test for each promise, of retained messages too. Storages may be shared: each case has a prefix of its own. */
export function durableObjectConformance(name: string, test: Test, open: () => OpenStorage): void {
  storeConformance({
    test,
    name,
    store: () => {
      const { storage, close } = open();
      const prefix = crypto.randomUUID();
      const store = () => durableObjectStore(storage, { prefix });
      return Promise.resolve({
        store: store(),
        close,
        reopen: () => Promise.resolve(store()),
        plant: (fault) => plantFault(durableObjectDriver(storage), fault, prefix),
      });
    },
  });
  retainedConformance({
    test,
    name,
    store: () => {
      const { storage, close } = open();
      const prefix = crypto.randomUUID();
      const retained = () => durableObjectRetained(storage, { prefix });
      return Promise.resolve({ retained: retained(), close, reopen: () => Promise.resolve(retained()) });
    },
  });
}

/** Explores small worlds on a storage, any two acting at the same time, by the calls of the driver. Default: all. */
export function exploreDurableObject(
  storage: DurableObjectStorageLike,
  scenarios?: readonly string[],
): Promise<ExploreReport> {
  const driver = durableObjectDriver(storage);
  return exploreStore({
    name: "Durable Object",
    make: async () => {
      const rows = await driverRows(driver);
      await driver.commit([], rows.map(({ key }) => ({ type: "delete", key })));
      return {
        // As `durableObjectStore` does it, but that the driver stands behind a gate.
        open: (gate) => keyValueStore(gate.wrap(driver), { capabilities: CAPABILITIES, newId: () => "id" }),
        contents: () => driverRows(driver),
      };
    },
    ...(scenarios === undefined ? {} : { scenarios }),
    together: 2,
    faults: 0,
  });
}
