/** Bytes on their way between a page and a broker: they can be cut anywhere, and kept from coming back. */
export class RoamingNetwork implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #broker: URL;
  readonly #open = new Set<Deno.Conn>();
  readonly #running = new Set<Promise<void>>();
  readonly #waiting = new Set<{ left: number; readonly passed: () => void }>();
  readonly #accepting: Promise<void>;
  /** While it is down, whoever connects is cut off at once. */
  isDown = false;

  /** A way to the broker at this URL. */
  constructor(brokerUrl: string) {
    this.#broker = new URL(brokerUrl);
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#accepting = this.#accept();
  }

  /** What pages connect to. */
  get url(): string {
    // It listens for TCP, so it has a port.
    const { port } = this.#listener.addr as Deno.NetAddr;
    return `ws://127.0.0.1:${port}${this.#broker.pathname}`;
  }

  /** Ends all connections where they stand, in the middle of a packet too. */
  cut(): void {
    for (const connection of this.#open) close(connection);
    this.#open.clear();
  }

  /** Ends once so many pieces, of either direction, have passed from now on. */
  passed(pieces: number): Promise<void> {
    if (pieces === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add({ left: pieces, passed: resolve }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#accepting;
    await Promise.all(this.#running);
  }

  async #accept(): Promise<void> {
    for await (const page of this.#listener) {
      if (this.isDown) {
        close(page);
        continue;
      }
      const running = this.#join(page);
      this.#running.add(running);
      running.then(() => this.#running.delete(running));
    }
  }

  async #join(page: Deno.Conn): Promise<void> {
    this.#open.add(page);
    const broker = await Deno.connect({ hostname: this.#broker.hostname, port: Number(this.#broker.port) });
    // It may have been cut meanwhile.
    if (!this.#open.has(page)) return close(broker);
    this.#open.add(broker);
    await Promise.all([this.#pass(page, broker), this.#pass(broker, page)]);
  }

  async #pass(from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const piece = new Uint8Array(65_536);
    try {
      for (let count = await from.read(piece); count !== null; count = await from.read(piece)) {
        for (let written = 0; written < count;) written += await to.write(piece.subarray(written, count));
        this.#count();
      }
    } catch {
      // One of both is gone, and the other goes with it.
    }
    for (const connection of [from, to]) {
      if (this.#open.delete(connection)) close(connection);
    }
  }

  #count(): void {
    for (const waiting of this.#waiting) {
      if (--waiting.left > 0) continue;
      this.#waiting.delete(waiting);
      waiting.passed();
    }
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}
