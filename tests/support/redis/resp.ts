/**
 * A connection to Redis.
 *
 * @module
 */
import { type Command, encodeCommands, RespParser, type RespValue } from "./resp_codec.ts";

export { type Command, plain, RespError, RespStatus, type RespValue, textOf } from "./resp_codec.ts";

/** The connection ended before the reply came. Whether the command was run is not known. */
export class ConnectionEnded extends Error {
  override name = "ConnectionEnded";

  constructor() {
    super("The connection to Redis has ended");
  }
}

interface Waiting {
  resolve(value: RespValue): void;
  reject(error: Error): void;
}

/** A connection to Redis. Many commands may be in flight; replies come in the order of the commands. */
export class RespConnection implements AsyncDisposable {
  readonly #socket: Deno.TcpConn;
  readonly #waiting: Waiting[] = [];
  readonly #reading: Promise<void>;
  #unwritten: Uint8Array<ArrayBuffer>[] = [];
  #writing: Promise<void> | undefined;
  #closed = false;
  /** Gets what Redis sends without being asked: the lines of MONITOR, the messages of SUBSCRIBE. */
  onPush: (value: RespValue) => void = () => {};
  /** Gets to know that the connection has ended. */
  onEnd: () => void = () => {};

  private constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
    this.#reading = this.#read();
  }

  /** Connects to a port of this machine. */
  static async connect(port: number): Promise<RespConnection> {
    const socket = await Deno.connect({ hostname: "127.0.0.1", port });
    socket.setNoDelay(true);
    return new RespConnection(socket);
  }

  /** This end, as MONITOR and CLIENT LIST name it. */
  get address(): string {
    const { hostname, port } = this.#socket.localAddr;
    return `${hostname}:${port}`;
  }

  /** Whether it has ended, from either side. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Sends one command. Rejects when the connection ends first. */
  async command(command: Command): Promise<RespValue> {
    const [reply] = await this.pipeline([command]);
    // There are as many replies as commands.
    return reply as RespValue;
  }

  /** Sends commands in one go. Rejects when the connection ends before the last reply. */
  pipeline(commands: readonly Command[]): Promise<RespValue[]> {
    if (this.#closed) return Promise.reject(new ConnectionEnded());
    const replies = commands.map(() =>
      new Promise<RespValue>((resolve, reject) => this.#waiting.push({ resolve, reject }))
    );
    this.#unwritten.push(encodeCommands(commands));
    this.#writing ??= this.#write().finally(() => this.#writing = undefined);
    return Promise.all(replies);
  }

  /** Ends the connection, and waits until nothing of it is left. */
  async close(): Promise<void> {
    this.#end();
    await this.#writing;
    await this.#reading;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #write(): Promise<void> {
    try {
      for (let chunk = this.#unwritten.shift(); chunk !== undefined; chunk = this.#unwritten.shift()) {
        for (let at = 0; at < chunk.length;) at += await this.#socket.write(chunk.subarray(at));
      }
    } catch {
      this.#end();
    }
  }

  async #read(): Promise<void> {
    const parser = new RespParser();
    const buffer = new Uint8Array(65_536);
    try {
      for (let read = await this.#socket.read(buffer); read !== null; read = await this.#socket.read(buffer)) {
        for (const reply of parser.push(buffer.subarray(0, read))) this.#take(reply);
      }
    } catch {
      // It was closed, here or there, which is told below.
    }
    this.#end();
  }

  #take(reply: RespValue): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.onPush(reply);
    else waiting.resolve(reply);
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unwritten = [];
    this.#socket.close();
    for (const { reject } of this.#waiting.splice(0)) reject(new ConnectionEnded());
    this.onEnd();
  }
}
