/**
 * Messages that tell who they are: the topic carries level and place, and the payload follows from them.
 *
 * @module
 */
import { randomNumbers } from "./random.ts";

/** A message to publish. */
export interface LoadMessage {
  /** Its place in the order of publishing. */
  readonly index: number;
  readonly qos: 1 | 2;
  readonly topic: string;
  readonly size: number;
}

const LARGEST = 262_144;

/**
 * So many messages of each level, mixed, from nothing to 256 KiB with a median of about 1 KiB. The last one is of QoS 2:
 * when it is complete, so is everything before it.
 */
export function makeLoad(perLevel: number, random: () => number): readonly LoadMessage[] {
  const levels: (1 | 2)[] = [];
  for (let ones = perLevel, twos = perLevel - 1; ones + twos > 0;) {
    const isOne = random() * (ones + twos) < ones;
    if (isOne) ones--;
    else twos--;
    levels.push(isOne ? 1 : 2);
  }
  levels.push(2);
  return levels.map((qos, index) => ({ index, qos, topic: `load/${qos}/${index}`, size: sizeOf(index, random) }));
}

/** Both ends are there for sure; between them 2^(10 ± 8), most of it near the middle. */
function sizeOf(index: number, random: () => number): number {
  if (index % 50 === 0) return 0;
  if (index % 251 === 1) return LARGEST;
  return Math.min(LARGEST, Math.floor(2 ** (10 + 8 * (random() * 2 - 1) ** 3)));
}

/** The payload of a message: bytes that differ from those of any other. */
export function payloadOf({ index, size }: LoadMessage): Uint8Array {
  const bytes = new Uint8Array(size);
  const random = randomNumbers(index + 1);
  for (let at = 0; at < size; at += 64) bytes[at] = Math.floor(random() * 256);
  return bytes;
}
