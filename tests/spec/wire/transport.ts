/**
 * Bytes to a broker and back: MQTT over WebSocket, and over TCP.
 *
 * @module
 */

/** What becomes of a connection. */
export interface Listener {
  readonly bytes: (bytes: Uint8Array) => void;
  readonly closed: () => void;
}

/** A connection to a broker. */
export interface Transport {
  send(bytes: Uint8Array): void;
  /** Ends the client's side; the broker's end is told to the listener. */
  end(): void;
}

/** A peer that does not close its side after this long is left alone. */
const FAREWELL_MS = 2_000;

/** Opens a connection. Rejects when nobody answers there. */
export async function openTransport(url: string, listener: Listener): Promise<Transport> {
  const { protocol, hostname, port } = new URL(url);
  switch (protocol) {
    case "ws:":
    case "wss:":
      return await openWebSocket(url, listener);
    case "mqtt:":
    case "tcp:":
      return await openTcp(hostname.replace(/^\[|\]$/g, ""), port === "" ? 1883 : Number(port), listener);
    default:
      throw new TypeError(`Cannot connect to ${url}: ws://, wss://, mqtt:// or tcp:// is known`);
  }
}

async function openWebSocket(url: string, listener: Listener): Promise<Transport> {
  const socket = new WebSocket(url, "mqtt");
  socket.binaryType = "arraybuffer";
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error(`Cannot open ${url}`));
  });
  socket.onerror = null;
  socket.onmessage = ({ data }) => listener.bytes(new Uint8Array(data as ArrayBuffer));
  const farewell = new Farewell(listener.closed);
  socket.onclose = () => farewell.over();
  return {
    send: (bytes) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes as Uint8Array<ArrayBuffer>);
    },
    end: () => {
      socket.close();
      farewell.begin();
    },
  };
}

async function openTcp(hostname: string, port: number, listener: Listener): Promise<Transport> {
  const connection = await Deno.connect({ hostname, port });
  connection.setNoDelay();
  const farewell = new Farewell(() => {
    connection.close();
    listener.closed();
  });
  const read = async () => {
    const buffer = new Uint8Array(65_536);
    for (let count; (count = await connection.read(buffer)) !== null;) listener.bytes(buffer.slice(0, count));
  };
  read().catch(() => {}).finally(() => farewell.over());
  let writing = Promise.resolve();
  const queue = (write: () => Promise<unknown>) => {
    // A connection that is gone says so by its end.
    writing = writing.then(write).then(() => {}, () => {});
  };
  return {
    send: (bytes) =>
      queue(async () => {
        for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
      }),
    end: () => {
      queue(() => connection.closeWrite());
      farewell.begin();
    },
  };
}

/** The end of a connection: when the broker has closed too, or has had its time. */
class Farewell {
  readonly #closed: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(closed: () => void) {
    this.#closed = closed;
  }

  begin(): void {
    if (!this.#isOver) this.#timer ??= setTimeout(() => this.over(), FAREWELL_MS);
  }

  over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#closed();
  }
}
