/**
 * Who takes part in an epoch.
 *
 * @module
 */
import type { Version } from "../e2e/support/wire_client.ts";
import { BookLife } from "./book_life.ts";
import type { Chance } from "./chance.ts";
import type { Life, Surroundings } from "./life.ts";
import { MqttjsLife } from "./mqttjs_life.ts";
import { RETAINED_PREFIX } from "./reader.ts";
import { RetainedTraffic } from "./retained_traffic.ts";
import { Traffic } from "./traffic.ts";

/** How many there are of each kind. */
export interface ClientCounts {
  /** By the book; every second one asks for shared groups, and two of these never leave them. */
  readonly book: number;
  readonly mqttjs: number;
  /** By the book, with retained messages of their own. */
  readonly retained: number;
}

/** A client of an epoch. */
export interface Client {
  readonly life: Life;
  readonly version: Version;
}

/** How many of the subscriptions of a member are shared ones. */
const SHARES = 0.4;

/** Those of an epoch. What is retained has topics of its own, under `retainedRoot`. */
export function makeClients(
  number: number,
  counts: ClientCounts,
  around: Surroundings,
  retainedRoot: string,
  chance: Chance,
): readonly Client[] {
  return [
    ...each(counts.book, (index, version) => {
      const clientId = `book-${number}-${index}`;
      const isMember = index % 2 === 1;
      const own = chance.fork();
      const talk = new Traffic(around.root, clientId, own.fork(), isMember ? SHARES : 0);
      return new BookLife({ clientId, version, around, chance: own, talk, stays: isMember && index <= 3 });
    }),
    ...each(counts.mqttjs, (index, version) => {
      return new MqttjsLife(`mqttjs-${number}-${index}`, version, around, chance.fork());
    }),
    ...each(counts.retained, (index, version) => {
      const clientId = `${RETAINED_PREFIX}${number}-${index}`;
      const own = chance.fork();
      const talk = new RetainedTraffic(retainedRoot, clientId, own.fork());
      return new BookLife({ clientId, version, around, chance: own, talk, stays: false });
    }),
  ];
}

/** A third speaks 3.1.1. */
function each(count: number, make: (index: number, version: Version) => Life): Client[] {
  return Array.from({ length: count }, (_, index) => {
    const version = index % 3 === 0 ? 4 : 5;
    return { version, life: make(index, version) };
  });
}
