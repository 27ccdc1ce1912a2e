/**
 * The programs on Deno, Node and Bun: it is given the runtime's name and the surroundings, and prints the outcomes.
 *
 * @module
 */
import process from "node:process";
import { type Runtime, useAll } from "./entry_points.ts";

const [runtime, surroundings] = process.argv.slice(2);
console.log(JSON.stringify(await useAll(runtime as Runtime, JSON.parse(surroundings ?? "{}"))));
// What a program leaves open would keep the process.
process.exit(0);
