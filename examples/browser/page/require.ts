/**
 * What `mqtt-packet` requires of Node, for a bundle in a browser: `deno bundle` leaves two names to a `require` that it
 * expects to find. To be imported before any module that needs it.
 *
 * @module
 */
import { Buffer } from "buffer";
import { EventEmitter } from "events";

const MODULES: Readonly<Record<string, unknown>> = { "node:buffer": { Buffer }, "node:events": EventEmitter };

Object.assign(globalThis, {
  require(name: string): unknown {
    if (Object.hasOwn(MODULES, name)) return MODULES[name];
    throw new Error(`Cannot require ${name}: the page has no such module`);
  },
});
