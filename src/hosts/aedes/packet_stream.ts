/** Whatever aedes pipes a stream into. */
export interface PacketSink {
  /** Takes a packet; `false` asks to wait for `drain`. */
  write(packet: unknown): boolean;
  /** That was all. */
  end(): unknown;
  /** Tells once that there is room again, or that it is closed. */
  once(event: string, listener: () => void): unknown;
}

/** How many packets a stream of Node reads ahead that is made of an iterable. */
const HIGH_WATER_MARK = 1;

/**
 * Packets, one after the other, in what aedes uses of a stream of Node: it iterates, pipes into a transform, or hands it to
 * `stream.pipeline`, which takes anything that iterates. Nothing is read before somebody asks.
 */
export class PacketStream<Packet> implements AsyncIterable<Packet> {
  /** How many packets may be read ahead. */
  readonly readableHighWaterMark = HIGH_WATER_MARK;
  readonly #packets: AsyncIterable<Packet>;
  readonly #failed: (error: unknown) => void;

  constructor(packets: AsyncIterable<Packet>, failed: (error: unknown) => void) {
    this.#packets = packets;
    this.#failed = failed;
  }

  /** Reads them. */
  [Symbol.asyncIterator](): AsyncIterator<Packet> {
    return this.#packets[Symbol.asyncIterator]();
  }

  /** Writes them into a sink, as fast as it takes them. What fails ends it, and is told to the observer. */
  pipe<Sink extends PacketSink>(sink: Sink): Sink {
    this.#feed(sink).catch((error: unknown) => {
      this.#failed(error);
      sink.end();
    });
    return sink;
  }

  async #feed(sink: PacketSink): Promise<void> {
    let isOpen = true;
    sink.once("close", () => isOpen = false);
    for await (const packet of this.#packets) {
      if (!isOpen) return;
      if (!sink.write(packet)) await drained(sink);
    }
    if (isOpen) sink.end();
  }
}

function drained(sink: PacketSink): Promise<void> {
  return new Promise((resolve) => {
    sink.once("drain", resolve);
    sink.once("close", resolve);
  });
}
