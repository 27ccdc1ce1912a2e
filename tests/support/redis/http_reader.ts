import { joined, textOf } from "./resp_codec.ts";

/** A request as it came. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** By names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
  /** The length of the whole message on the wire. */
  readonly bytes: number;
}

/** Reads the requests of one connection, one after the other. */
export class HttpReader {
  readonly #connection: Deno.TcpConn;
  readonly #chunk = new Uint8Array(65_536);
  #buffer = new Uint8Array(65_536);
  #start = 0;
  #end = 0;
  #consumed = 0;

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** The next request; `undefined` when the client has ended the connection. */
  async next(): Promise<HttpRequest | undefined> {
    this.#consumed = 0;
    const first = await this.#line();
    if (first === undefined) return undefined;
    const [method = "", target = ""] = first.split(" ");
    const headers = new Map<string, string>();
    for (let line = await this.#line(); line !== ""; line = await this.#line()) {
      if (line === undefined) return undefined;
      const colon = line.indexOf(":");
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    if (headers.get("expect") === "100-continue") {
      await this.#connection.write(new TextEncoder().encode("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    const body = headers.get("transfer-encoding")?.toLowerCase() === "chunked"
      ? await this.#chunks()
      : await this.#exactly(Number(headers.get("content-length") ?? 0));
    return body === undefined ? undefined : { method, target, headers, body, bytes: this.#consumed };
  }

  async #chunks(): Promise<Uint8Array | undefined> {
    const chunks: Uint8Array[] = [];
    for (;;) {
      const line = await this.#line();
      if (line === undefined) return undefined;
      const chunk = await this.#exactly(Number.parseInt(line, 16));
      if (chunk === undefined) return undefined;
      // The empty chunk comes last; trailers may follow it, and an empty line.
      if (chunk.length === 0) {
        for (let trailer = await this.#line(); trailer !== ""; trailer = await this.#line()) {
          if (trailer === undefined) return undefined;
        }
        return joined(chunks);
      }
      chunks.push(chunk);
      await this.#line();
    }
  }

  /** A line without its end. */
  async #line(): Promise<string | undefined> {
    for (let from = this.#start;;) {
      const found = this.#buffer.subarray(0, this.#end).indexOf(10, from);
      if (found >= 0) {
        const line = textOf(this.#buffer.subarray(this.#start, found - 1));
        this.#consume(found + 1 - this.#start);
        return line;
      }
      const seen = this.#end - this.#start;
      if (!await this.#more()) return undefined;
      from = this.#start + seen;
    }
  }

  async #exactly(length: number): Promise<Uint8Array | undefined> {
    while (this.#end - this.#start < length) if (!await this.#more()) return undefined;
    const bytes = this.#buffer.slice(this.#start, this.#start + length);
    this.#consume(length);
    return bytes;
  }

  #consume(length: number): void {
    this.#start += length;
    this.#consumed += length;
  }

  async #more(): Promise<boolean> {
    const read = await this.#connection.read(this.#chunk);
    if (read === null) return false;
    if (this.#start > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    if (this.#end + read > this.#buffer.length) {
      const larger = new Uint8Array(this.#buffer.length * 2);
      larger.set(this.#buffer.subarray(0, this.#end));
      this.#buffer = larger;
    }
    this.#buffer.set(this.#chunk.subarray(0, read), this.#end);
    this.#end += read;
    return true;
  }
}
