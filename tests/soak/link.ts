/**
 * A WebSocket over bare TCP, which can do what networks do and no WebSocket of a runtime lets one do: break without a
 * close frame, leave what comes unread, and fall silent with the socket open.
 *
 * @module
 */

/** Who ended a connection, as its client sees it. */
export type EndedBy = "client" | "server" | "broken";

/** What happens on a link. */
export interface LinkEvents {
  /** The content of a frame came. */
  bytes(bytes: Uint8Array): void;
  /** Nothing comes any more. Called once. */
  ended(by: EndedBy): void;
}

const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const READ_BYTES = 65_536;
const NORMAL_CLOSURE = Uint8Array.of(0x03, 0xe8);

/** One connection to a broker. */
export class Link {
  readonly #tcp: Deno.TcpConn;
  readonly #events: LinkEvents;
  #input = new Uint8Array(0);
  #upgraded = false;
  #opened: () => void = () => {};
  #ended = false;
  #closed = false;
  #closeFrameSeen = false;
  #writing: Promise<void> = Promise.resolve();
  #paused: PromiseWithResolvers<void> | undefined;
  #forgetTimer: () => void = () => {};
  readonly #gone = Promise.withResolvers<void>();

  private constructor(tcp: Deno.TcpConn, events: LinkEvents) {
    this.#tcp = tcp;
    this.#events = events;
  }

  /** Connects; `undefined` when nobody answers, or not with a WebSocket. */
  static async open(url: string, events: LinkEvents): Promise<Link | undefined> {
    const { hostname, port, host, pathname } = new URL(url);
    let tcp: Deno.TcpConn;
    try {
      tcp = await Deno.connect({ hostname, port: Number(port) });
    } catch {
      return undefined;
    }
    tcp.setNoDelay(true);
    const link = new Link(tcp, events);
    const opened = new Promise<boolean>((resolve) => {
      link.#opened = () => resolve(true);
      link.#read().finally(() => resolve(false));
    });
    link.#write(handshake(pathname, host));
    return await opened ? link : undefined;
  }

  /** Whether nothing can be sent or received any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Ends when the socket is given back. */
  get closed(): Promise<void> {
    return this.#gone.promise;
  }

  /** Sends bytes in a frame of their own. */
  send(bytes: Uint8Array): void {
    if (!this.#ended) this.#write(frame(OPCODE.binary, bytes));
  }

  /** Closes in order. What still comes is not looked at. */
  leave(): void {
    if (this.#ended) return;
    this.#write(frame(OPCODE.close, NORMAL_CLOSURE));
    this.#end("client");
    this.resume();
  }

  /** Breaks the connection without a word. */
  cut(): void {
    this.#end("broken");
    this.#close();
  }

  /** Falls silent: to the client the connection is broken, and the server learns of it only `ms` later. */
  abandon(ms: number): void {
    if (this.#ended) return;
    this.pause();
    this.#end("broken");
    const timer = setTimeout(() => this.#close(), ms);
    this.#forgetTimer = () => clearTimeout(timer);
  }

  /** Leaves what comes in the socket. */
  pause(): void {
    if (!this.#ended) this.#paused ??= Promise.withResolvers();
  }

  /** Reads again. */
  resume(): void {
    this.#paused?.resolve();
    this.#paused = undefined;
  }

  /** Gives the socket back at once, whatever its state. */
  dispose(): void {
    this.#end("broken");
    this.#close();
  }

  #end(by: EndedBy): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#events.ended(by);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forgetTimer();
    this.resume();
    this.#tcp.close();
    this.#gone.resolve();
  }

  #write(bytes: Uint8Array): void {
    this.#writing = this.#writing.then(() => this.#writeAll(bytes));
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) at += await this.#tcp.write(bytes.subarray(at));
    } catch {
      // The other side is gone; reading finds that out as well, and tells.
    }
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    try {
      for (;;) {
        await this.#paused?.promise;
        const count = await this.#tcp.read(buffer);
        // Paused while it waited: what came stays here until it is resumed.
        await this.#paused?.promise;
        if (count === null) break;
        this.#take(buffer.subarray(0, count));
      }
    } catch {
      // Reset by the other side, or closed by this one.
    }
    this.#end(this.#closeFrameSeen ? "server" : "broken");
    this.#close();
  }

  #take(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.#input.length + bytes.length);
    joined.set(this.#input);
    joined.set(bytes, this.#input.length);
    this.#input = joined;
    if (!this.#upgraded && !this.#takeHandshake()) return;
    while (this.#takeFrame());
  }

  #takeHandshake(): boolean {
    const text = new TextDecoder("latin1").decode(this.#input);
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return false;
    if (!text.startsWith("HTTP/1.1 101 ")) throw new Error(`No WebSocket: ${text.slice(0, end)}`);
    this.#input = this.#input.subarray(end + 4);
    this.#upgraded = true;
    this.#opened();
    return true;
  }

  #takeFrame(): boolean {
    const input = this.#input;
    const [first, second] = input;
    if (first === undefined || second === undefined) return false;
    const view = new DataView(input.buffer, input.byteOffset, input.length);
    const short = second & 0x7f;
    const head = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (input.length < head) return false;
    const length = short === 127 ? Number(view.getBigUint64(2)) : short === 126 ? view.getUint16(2) : short;
    if (input.length < head + length) return false;
    const content = input.subarray(head, head + length);
    this.#input = input.subarray(head + length);
    this.#hear(first & 0x0f, content);
    return true;
  }

  #hear(opcode: number, content: Uint8Array): void {
    switch (opcode) {
      case OPCODE.continuation:
      case OPCODE.binary:
        // A copy: who gets it may keep it, and the buffer is used again.
        if (!this.#ended) this.#events.bytes(content.slice());
        break;
      case OPCODE.ping:
        this.#write(frame(OPCODE.pong, content));
        break;
      case OPCODE.close:
        this.#closeFrameSeen = true;
        if (!this.#ended) this.#write(frame(OPCODE.close, content));
        this.#end("server");
        break;
    }
  }
}

function handshake(pathname: string, host: string): Uint8Array {
  const lines = [
    `GET ${pathname} HTTP/1.1`,
    `Host: ${host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==",
    "Sec-WebSocket-Protocol: mqtt",
  ];
  return new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
}

/** A masked frame; a mask of zeros leaves the content as it is. */
function frame(opcode: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  const size = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const whole = new Uint8Array(2 + size + 4 + length);
  const view = new DataView(whole.buffer);
  whole[0] = 0x80 | opcode;
  whole[1] = 0x80 | (size === 0 ? length : size === 2 ? 126 : 127);
  if (size === 2) view.setUint16(2, length);
  if (size === 8) view.setBigUint64(2, BigInt(length));
  whole.set(content, 2 + size + 4);
  return whole;
}
