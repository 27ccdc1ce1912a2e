/** Whatever bytes come in whatever pieces: the broker closes with a reason or goes on, in bounded memory, for everybody. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { PacketReader } from "../../examples/broker/codec.ts";
import type { ClientPacket, ProtocolVersion } from "../../src/mqtt/packet.ts";
import { anyPacket, connect, publish, response, subscribe, unsubscribe } from "../support/arbitrary_packets.ts";
import { encode } from "../support/mqtt_packet_codec.ts";
import { connectPacket, publishPacket, subscribePacket } from "../unit/runtime/support.ts";
import { withinLater } from "./support/allocation.ts";
import { joined } from "./support/damage.ts";
import { type FakeSocket, type Served, serving } from "./support/fake_sockets.ts";
import { cuts, inPieces } from "./support/pieces.ts";
import { wireDamage } from "./support/wire_damage.ts";

/** Small, so that arbitrary bytes reach them. */
const BOUNDS = { maxPacketBytes: 2_000, maxInputBytes: 3_000 } as const;

/** A reader keeps at most twice what it needs, and never less than a kilobyte; the log of a connection grows by doubling. */
const ROOM = 600_000;

/** More packets than this many bytes can cause. */
const MOST_FRAMES = 3_000;

const versions = fc.constantFrom<ProtocolVersion[]>(4, 5);

function written(packets: readonly ClientPacket[], version: ProtocolVersion): Uint8Array {
  return new Uint8Array(Buffer.concat(packets.map((packet) => encode(packet, version))));
}

/** A first packet that the broker takes, under one of a few names: so connections take each other over. */
function opening(version: ProtocolVersion): fc.Arbitrary<ClientPacket> {
  const clientId = fc.constantFrom("a", "b", "c");
  return fc.tuple(connect(version), clientId).map(([packet, clientId]) => {
    const { will: _will, authenticationMethod: _method, authenticationData: _data, ...rest } = packet;
    return { ...rest, clientId, keepAlive: 60 };
  });
}

/** Packets that a client may send, and some that it may not. */
function conversation(version: ProtocolVersion): fc.Arbitrary<Uint8Array> {
  const fitting = fc.oneof<fc.Arbitrary<ClientPacket>[]>(
    publish(version),
    subscribe(version),
    unsubscribe(version),
    response(version),
    fc.constant({ type: "pingreq" }),
  );
  const later = fc.oneof({ weight: 6, arbitrary: fitting }, {
    weight: 1,
    arbitrary: anyPacket(version) as fc.Arbitrary<ClientPacket>, // What a server sends is written in the same way.
  });
  return fc.array(later, { maxLength: 5 }).map((packets) => written(packets, version));
}

/** What one client sends: in half of the cases a good CONNECT first; then packets, damaged packets, or anything. */
const stream: fc.Arbitrary<Uint8Array> = versions.chain((version) => {
  const rest = fc.oneof(
    conversation(version),
    fc.tuple(conversation(version), wireDamage).map(([bytes, { apply }]) => apply(bytes)),
    fc.uint8Array({ maxLength: 300 }),
    fc.uint8Array({ minLength: 2_500, maxLength: 4_000 }),
  );
  return fc.tuple(fc.option(opening(version)), rest).map(([first, rest]) =>
    joined(first === null ? new Uint8Array() : written([first], version), rest)
  );
});

const streams = fc.array(fc.tuple(stream, cuts), { minLength: 1, maxLength: 3 });

/** A client that knows what it gets, and notices when it does not get it. */
class Witness {
  readonly #served: Served;
  readonly #socket: FakeSocket;
  #sent = 0;

  constructor(served: Served) {
    this.#served = served;
    this.#socket = served.open();
    this.#send(connectPacket("witness"), subscribePacket(1, "witness/own"));
  }

  /** Publishes to itself and pings, and insists on what that has to bring. */
  async works(): Promise<void> {
    await this.#served.rest();
    this.#socket.frames.length = 0;
    const text = `message ${++this.#sent}`;
    this.#send(publishPacket("witness/own", 0, undefined, text), { type: "pingreq" });
    await this.#served.rest();
    const got = this.#socket.packets();
    const texts = got.flatMap(({ cmd, payload }) => cmd === "publish" ? [String(payload)] : []);
    assert.deepEqual(texts, [text], "the witness does not get its own message");
    assert.ok(got.some(({ cmd }) => cmd === "pingresp"), "the witness gets no answer");
  }

  #send(...packets: readonly ClientPacket[]): void {
    this.#socket.receive(written(packets, 5));
  }
}

/** Zeros are the end of any packet, and then no packet at all: whoever is still open after as many is not listening. */
async function floodWithZeros(served: Served, socket: FakeSocket): Promise<void> {
  for (let sent = 0; sent < 4 * BOUNDS.maxPacketBytes && !socket.closed; sent += 500) {
    socket.receive(new Uint8Array(500));
    await served.rest();
  }
}

/** Feeds streams, a piece of each in turn, and holds the broker to all it owes. */
async function feed(given: readonly (readonly [Uint8Array, readonly number[]])[]): Promise<void> {
  await serving(BOUNDS, async (served) => {
    const witness = new Witness(served);
    await witness.works();
    const clients = given.map(([bytes, lengths]) => ({ socket: served.open(), pieces: inPieces(bytes, lengths) }));
    await withinLater(ROOM, async () => {
      for (let turn = 0; clients.some(({ pieces }) => turn < pieces.length); turn++) {
        for (const { socket, pieces } of clients) {
          const piece = pieces[turn];
          if (piece !== undefined) socket.receive(piece);
        }
        // Not after each piece: what comes faster than it is taken has to wait somewhere.
        if (turn % 16 === 3) await served.rest();
      }
    });
    await witness.works();
    for (const { socket } of clients) {
      await floodWithZeros(served, socket);
      assert.ok(socket.closed, "a connection neither goes on nor is closed");
      socket.onclose?.();
      assert.ok(socket.frames.length <= MOST_FRAMES, `${socket.frames.length} frames`);
    }
    await witness.works();
    const reasons = served.events.flatMap((event) => event.type === "disconnected" ? [event.reasonCode] : []);
    assert.equal(reasons.length, clients.length);
    assert.ok(reasons.every((code) => Number.isInteger(code) && code >= 0 && code <= 0xff), reasons.join());
    assert.ok(served.mostBuffered() <= BOUNDS.maxInputBytes, `${served.mostBuffered()} bytes were held`);
    assert.deepEqual(served.uncaught, []);
    const failed = served.events.filter(({ type }) => type === "workFailed");
    assert.deepEqual(failed, []);
  });
}

Deno.test("any bytes from several clients, split anywhere, close their connection with a reason or go on, and harm nobody else", async () => {
  await fc.assert(fc.asyncProperty(streams, feed), { numRuns: 200 });
});

Deno.test("a reader holds no more than it was given, gives packets or a reason code, and takes no room for what is claimed", () => {
  fc.assert(
    fc.property(stream, cuts, (bytes, cuts) => {
      const reader = new PacketReader(BOUNDS.maxPacketBytes);
      let given = 0;
      for (const piece of inPieces(bytes, cuts)) {
        reader.push(piece);
        given += piece.length;
        for (let turns = 0;; turns++) {
          assert.ok(turns <= bytes.length, "it does not come to an end");
          const { packets, fault } = reader.take();
          if (fault !== undefined) return assert.ok([0x81, 0x82, 0x84, 0x95].includes(fault), `${fault}`);
          if (packets.length === 0) break;
        }
        assert.ok(reader.bufferedBytes <= given);
        // One that is complete is taken; one that is too large is refused by its header.
        assert.ok(reader.bufferedBytes <= BOUNDS.maxPacketBytes, `${reader.bufferedBytes} bytes are held`);
      }
    }),
    { numRuns: 500 },
  );
});

type Take = (this: PacketReader) => ReturnType<PacketReader["take"]>;
type Push = (this: PacketReader, bytes: Uint8Array) => void;

const right: Pick<PacketReader, "take" | "push"> = {
  take: PacketReader.prototype.take,
  push: PacketReader.prototype.push,
};

/** Readers that are wrong on purpose, and what has to notice each. */
const WRONG:
  readonly (readonly [what: string, wrong: { readonly take?: Take; readonly push?: Push }, notices: RegExp])[] = [
    ["throws", {
      take(this: PacketReader) {
        if (this.bufferedBytes > 400) throw new Error("too many");
        return right.take.call(this);
      },
    }, /too many|neither goes on nor is closed/],
    ["forgets what it cannot read, and goes on", {
      take(this: PacketReader) {
        const { packets, fault } = right.take.call(this);
        if (fault !== undefined) this.clear();
        return { packets };
      },
    }, /neither goes on nor is closed/],
    ["keeps everything", {
      push(this: PacketReader, bytes: Uint8Array) {
        right.push.call(this, joined(bytes, new Uint8Array(BOUNDS.maxInputBytes)));
      },
    }, /bytes were held|does not get/],
    ["lets one client's bytes stop all others", {
      take(this: PacketReader) {
        const taken = right.take.call(this);
        isStuck ||= taken.fault !== undefined;
        return isStuck ? { packets: [] } : taken;
      },
    }, /the witness/],
  ];

let isStuck = false;

for (const [what, wrong, notices] of WRONG) {
  Deno.test(`a reader that ${what} is noticed`, async () => {
    isStuck = false;
    Object.assign(PacketReader.prototype, wrong);
    try {
      const found = await fc.check(fc.asyncProperty(streams, feed), { numRuns: 100, endOnFailure: true });
      assert.ok(found.failed, `seed ${found.seed}: nobody noticed`);
      assert.ok(found.errorInstance instanceof Error);
      assert.match(found.errorInstance.message, notices);
    } finally {
      Object.assign(PacketReader.prototype, right);
    }
  });
}
