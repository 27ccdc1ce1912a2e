/**
 * aedes' own suite for persistences, of 50 cases.
 *
 * @module
 */
import { test } from "node:test";
import abstractPersistence from "aedes-persistence/abstract.js";
import mqemitter from "mqemitter";
import { aedesPersistence, type AedesPersistenceOptions } from "../../../../../src/hosts/aedes.ts";

/** Registers the cases under a name, over stores that `open` makes anew for each. */
export function runSuite(name: string, open: () => Pick<AedesPersistenceOptions, "store" | "retained">): void {
  abstractPersistence({
    test: (title: string, body: (context: unknown) => Promise<void>) => test(`${name}: ${title}`, body),
    testAsync: true,
    buildEmitter: mqemitter,
    persistence: () => aedesPersistence(open()),
  });
}
