/**
 * What each byte of a text costs once it is compressed: read from the compressed bytes, symbol by symbol.
 *
 * A byte that is written as itself costs the bits of its symbol; those of a copy share the bits that name it. So what is
 * like something before it is cheap, and what comes first of its kind is not.
 *
 * @module
 */
import { gzipSync } from "node:zlib";

/** RFC 1952: the header of a file that has no name. */
const GZIP_HEADER_BYTES = 10;
const END_OF_BLOCK = 256;
/** RFC 1951, 3.2.5: the first length, or distance, of each symbol, and how many more bits it has. */
const LENGTHS = extents(3, 28, 4);
const DISTANCES = extents(1, 30, 2);
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** The compressed bytes that each byte stands for. Their sum is the size of all, but for the frame. */
export function deflateCost(bytes: Uint8Array): Float64Array {
  const reader = new BitReader(gzipSync(bytes, { level: 9 }).subarray(GZIP_HEADER_BYTES));
  const cost = new Float64Array(bytes.length);
  let at = 0;
  for (let isLast = false; !isLast;) {
    const blockAt = at;
    const start = reader.position;
    isLast = reader.bits(1) === 1;
    const type = reader.bits(2);
    if (type === 0) throw new RangeError("Cannot read a deflated text: a block of it is not compressed");
    const { literals, distances } = type === 1 ? fixedTrees() : readTrees(reader);
    const header = reader.position - start;
    for (;;) {
      const before = reader.position;
      const symbol = reader.symbol(literals);
      if (symbol === END_OF_BLOCK) break;
      let length = 1;
      if (symbol > END_OF_BLOCK) {
        length = symbol === 285 ? 258 : reader.extent(LENGTHS, symbol - 257);
        reader.extent(DISTANCES, reader.symbol(distances));
      }
      cost.fill((reader.position - before) / 8 / length, at, at += length);
    }
    for (let index = blockAt; index < at; index++) cost[index] = (cost[index] ?? 0) + header / 8 / (at - blockAt);
  }
  return cost;
}

interface Extent {
  readonly first: number;
  readonly bits: number;
}

/** A Huffman tree: how many codes there are of each length, and the symbols in the order of their codes. */
interface Tree {
  readonly counts: readonly number[];
  readonly symbols: readonly number[];
}

class BitReader {
  readonly #bytes: Uint8Array;
  /** In bits. */
  position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  bits(count: number): number {
    let value = 0;
    for (let index = 0; index < count; index++, this.position++) {
      value |= (((this.#bytes[this.position >> 3] ?? 0) >> (this.position & 7)) & 1) << index;
    }
    return value;
  }

  symbol({ counts, symbols }: Tree): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (const count of counts.slice(1)) {
      code = (code << 1) | this.bits(1);
      first <<= 1;
      if (code - first < count) return symbols[index + code - first] ?? 0;
      index += count;
      first += count;
    }
    throw new RangeError("Cannot read a deflated text: it has a code that stands for nothing");
  }

  extent(extents: readonly Extent[], symbol: number): number {
    const { first = 0, bits = 0 } = extents[symbol] ?? {};
    return first + this.bits(bits);
  }
}

function treeOf(lengths: readonly number[]): Tree {
  const counts = Array.from(
    { length: 16 },
    (_, length) => length === 0 ? 0 : lengths.filter((each) => each === length).length,
  );
  const symbols = [...lengths.keys()].filter((symbol) => lengths[symbol] !== 0)
    .sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0) || a - b);
  return { counts, symbols };
}

function fixedTrees(): { readonly literals: Tree; readonly distances: Tree } {
  const literals = Array.from(
    { length: 288 },
    (_, symbol) => symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8,
  );
  return { literals: treeOf(literals), distances: treeOf(Array.from({ length: 30 }, () => 5)) };
}

function readTrees(reader: BitReader): { readonly literals: Tree; readonly distances: Tree } {
  const literals = reader.bits(5) + 257;
  const distances = reader.bits(5) + 1;
  const codes = reader.bits(4) + 4;
  const codeLengths = Array.from({ length: 19 }, () => 0);
  for (const symbol of CODE_LENGTH_ORDER.slice(0, codes)) codeLengths[symbol] = reader.bits(3);
  const tree = treeOf(codeLengths);
  const lengths: number[] = [];
  while (lengths.length < literals + distances) {
    const symbol = reader.symbol(tree);
    if (symbol < 16) lengths.push(symbol);
    else {
      const repeated = symbol === 16 ? lengths.at(-1) ?? 0 : 0;
      const count = symbol === 16 ? 3 + reader.bits(2) : symbol === 17 ? 3 + reader.bits(3) : 11 + reader.bits(7);
      for (let index = 0; index < count; index++) lengths.push(repeated);
    }
  }
  return { literals: treeOf(lengths.slice(0, literals)), distances: treeOf(lengths.slice(literals)) };
}

/** Symbols of which each group of so many has one more bit than the group before, the first two groups none. */
function extents(first: number, symbols: number, group: number): readonly Extent[] {
  let next = first;
  return Array.from({ length: symbols }, (_, symbol) => {
    const extent = { first: next, bits: Math.max(0, Math.floor(symbol / group) - 1) };
    next += 1 << extent.bits;
    return extent;
  });
}
