/**
 * A longer way between two ends of a connection.
 *
 * @module
 */

/** Where a pipe leads to. */
export interface BytePipeOptions {
  /** The port of this machine that it leads to. */
  readonly port: number;
  /** How much later an answer comes than without it. */
  readonly latencyMs: number;
  /** What lets time pass; default a timer. */
  readonly wait?: (ms: number) => Promise<void>;
}

/** A port of this machine whose connections end at another one, until it is disposed of. */
export interface BytePipe extends AsyncDisposable {
  readonly port: number;
}

/** Opens a pipe. Bytes are under way for half the latency in each direction; as many as like at the same time. */
export function bytePipe(options: BytePipeOptions): BytePipe {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const pairs = new Map<Deno.TcpConn, Promise<void>>();
  const open = new Set<Deno.TcpConn>();

  async function join(near: Deno.TcpConn): Promise<void> {
    open.add(near);
    near.setNoDelay(true);
    let far: Deno.TcpConn;
    try {
      far = await Deno.connect({ hostname: "127.0.0.1", port: options.port });
    } catch {
      close(near);
      return;
    }
    far.setNoDelay(true);
    open.add(far);
    // The pipe may have been closed meanwhile.
    if (!open.has(near)) close(far);
    await Promise.all([carry(near, far), carry(far, near)]);
    close(near);
    close(far);
  }

  function close(connection: Deno.TcpConn): void {
    if (open.delete(connection)) connection.close();
  }

  /** Takes bytes from one end to the other, each after its time, and the end of the stream after them. */
  async function carry(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const way = new Way(options.latencyMs / 2, options.wait);
    let writing = Promise.resolve();
    try {
      for (;;) {
        const buffer = new Uint8Array(65_536);
        const read = await from.read(buffer);
        const arrived = way.gone();
        writing = writing.then(() => arrived).then(async () => {
          if (read === null) return await to.closeWrite();
          for (let at = 0; at < read;) at += await to.write(buffer.subarray(at, read));
        });
        // Seen below; until then it must not count as unhandled.
        writing.catch(() => {});
        if (read === null) break;
      }
      await writing;
    } catch {
      // One end was torn off: so is the other.
      way.close();
      close(from);
      close(to);
      await writing.catch(() => {});
    }
  }

  async function accept(): Promise<void> {
    try {
      for (;;) {
        const near = await listener.accept();
        pairs.set(near, join(near).finally(() => pairs.delete(near)));
      }
    } catch {
      // The listener was closed.
    }
  }

  const accepting = accept();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const connection of [...open]) close(connection);
      await Promise.all(pairs.values());
    },
  };
}

/** The time that bytes are under way. */
class Way {
  readonly #ms: number;
  readonly #wait: BytePipeOptions["wait"];
  readonly #arrivals = new Map<ReturnType<typeof setTimeout>, () => void>();

  constructor(ms: number, wait: BytePipeOptions["wait"]) {
    this.#ms = ms;
    this.#wait = wait;
  }

  /** Resolves when what starts now has arrived. */
  gone(): Promise<void> {
    if (this.#wait !== undefined) return this.#wait(this.#ms);
    if (this.#ms === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#arrivals.delete(timer);
        resolve();
      }, this.#ms);
      this.#arrivals.set(timer, resolve);
    });
  }

  /** Lets everything arrive at once. */
  close(): void {
    for (const [timer, resolve] of this.#arrivals) {
      clearTimeout(timer);
      resolve();
    }
    this.#arrivals.clear();
  }
}
