/**
 * aedes' own suite for persistences, of 50 cases.
 *
 * @module
 */
import { test } from "node:test";
import abstractPersistence from "aedes-persistence/abstract.js";
import mqemitter from "mqemitter";
import { aedesPersistence, type AedesPersistenceOptions } from "../../../../../src/hosts/aedes.ts";

/** Registers the cases over stores that `open` makes anew for each. */
export function runSuite(open: () => Promise<Pick<AedesPersistenceOptions, "store" | "retained">>): void {
  abstractPersistence({
    test,
    testAsync: true,
    buildEmitter: mqemitter,
    persistence: async () => aedesPersistence(await open()),
  });
}
