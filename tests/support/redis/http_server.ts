/**
 * HTTP/1.1 down to the socket, so that a test can end an exchange wherever it likes.
 *
 * @module
 */
import { bytesOf } from "./resp_codec.ts";
import { HttpReader, type HttpRequest } from "./http_reader.ts";

/** What is answered to a request. */
export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The connection ends after so many bytes of the body. */
  readonly endAfter?: number;
}

/**
 * What becomes of a request: a reply, a stream that goes on until one side ends it, or a connection that ends. With
 * `vanish` it ends without a byte, or with a part of the first line: then some clients send the request again by
 * themselves if the connection had served others before (Deno's fetch does, even with POST). With `tear` there comes a
 * line before that is no HTTP, which every client takes for a failure.
 */
export type HttpOutcome = HttpReply | HttpStream | "tear" | "vanish";

/** A reply without an end. */
export interface HttpStream {
  readonly headers: Readonly<Record<string, string>>;
  /** Starts sending, and returns what stops it. */
  start(send: (chunk: string) => void): Promise<() => Promise<void>>;
}

/** What a server does with requests. */
export interface HttpHandler {
  /** Decides about a request. */
  handle(request: HttpRequest): Promise<HttpOutcome>;
  /** So much is about to be sent: the whole message, and its body. */
  sending(bytes: number, bodyBytes: number): void;
}

const REASONS: Readonly<Record<number, string>> = { 200: "OK", 400: "Bad Request", 401: "Unauthorized" };

const TORN = "HTTP/torn\r\n\r\n";

/** A server on a free port of this machine. */
export class HttpServer implements AsyncDisposable {
  readonly #handler: HttpHandler;
  readonly #connections = new Map<Deno.TcpConn, Promise<void>>();
  #listener: Deno.TcpListener;
  #accepting: Promise<void>;
  /** Where it listens on 127.0.0.1. */
  readonly port: number;

  constructor(handler: HttpHandler) {
    this.#handler = handler;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#accepting = this.#accept();
  }

  /** Ends all connections; new ones are refused. */
  async refuse(): Promise<void> {
    try {
      this.#listener.close();
    } catch {
      // It refuses already.
    }
    await this.#accepting;
    for (const connection of this.#connections.keys()) close(connection);
  }

  /** Takes connections again, on the same port. */
  async accept(): Promise<void> {
    await this.refuse();
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: this.port });
    this.#accepting = this.#accept();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.refuse();
    await Promise.all(this.#connections.values());
  }

  async #accept(): Promise<void> {
    const listener = this.#listener;
    try {
      for (;;) {
        const connection = await listener.accept();
        connection.setNoDelay(true);
        const served = this.#serve(connection).finally(() => this.#connections.delete(connection));
        this.#connections.set(connection, served);
      }
    } catch {
      // The listener was closed.
    }
  }

  async #serve(connection: Deno.TcpConn): Promise<void> {
    try {
      const reader = new HttpReader(connection);
      for (let request = await reader.next(); request !== undefined; request = await reader.next()) {
        const outcome = await this.#handler.handle(request);
        if (outcome === "vanish") break;
        if (outcome === "tear") await write(connection, bytesOf(TORN));
        else if ("start" in outcome) await this.#stream(connection, outcome);
        else if (await this.#reply(connection, request, outcome)) continue;
        break;
      }
    } catch {
      // The client went away, or this server did.
    } finally {
      close(connection);
    }
  }

  /** Whether the connection may go on. */
  async #reply(connection: Deno.TcpConn, request: HttpRequest, reply: HttpReply): Promise<boolean> {
    const { status, headers, endAfter } = reply;
    const goesOn = endAfter === undefined && request.headers.get("connection")?.toLowerCase() !== "close";
    const head = bytesOf(headOf(status, { ...headers, "content-length": `${reply.body.length}` }, goesOn));
    const body = request.method === "HEAD" ? new Uint8Array() : reply.body.subarray(0, endAfter);
    const message = new Uint8Array(head.length + body.length);
    message.set(head);
    message.set(body, head.length);
    this.#handler.sending(message.length, body.length);
    await write(connection, message);
    return goesOn;
  }

  /** Goes on until the client ends the connection, or this server does. */
  async #stream(connection: Deno.TcpConn, stream: HttpStream): Promise<void> {
    let writing = write(connection, bytesOf(headOf(200, stream.headers, false)));
    const send = (chunk: string): void => {
      writing = writing.then(() => write(connection, bytesOf(chunk))).catch(() => {});
    };
    const stop = await stream.start(send);
    try {
      const ignored = new Uint8Array(1024);
      while (await connection.read(ignored) !== null);
    } finally {
      await stop();
      await writing;
    }
  }
}

function headOf(status: number, headers: Readonly<Record<string, string>>, goesOn: boolean): string {
  const lines = [`HTTP/1.1 ${status} ${REASONS[status] ?? "Other"}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (!goesOn) lines.push("connection: close");
  return `${lines.join("\r\n")}\r\n\r\n`;
}

async function write(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}
