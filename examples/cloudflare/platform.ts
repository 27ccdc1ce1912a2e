/**
 * What of Cloudflare Workers is used. `@cloudflare/workers-types` has all of it; these few shapes do without, so that the
 * example type-checks beside the types of any other platform.
 *
 * @module
 */
import type { AlarmStorageLike, DurableObjectStorageLike } from "@edge-mqtt/session/durable-object";

/** A WebSocket that stays open while its object has no memory. */
export interface HibernatableSocket {
  /** 1 while it is open. */
  readonly readyState: number;
  send(bytes: Uint8Array): void;
  close(code?: number): void;
  /** Keeps a value with the socket, at most 16 384 bytes of it. */
  serializeAttachment(value: unknown): void;
  /** The value that was kept last; `null` when none was. */
  deserializeAttachment(): unknown;
}

/** The `ctx` of a Durable Object. */
export interface ObjectContext {
  readonly storage: DurableObjectStorageLike & AlarmStorageLike;
  /** From now on what comes from the socket is told to the object, which is woken for it. */
  acceptWebSocket(socket: HibernatableSocket, tags: readonly string[]): void;
  /** The sockets that are open, those of a tag or all. */
  getWebSockets(tag?: string): readonly HibernatableSocket[];
  getTags(socket: HibernatableSocket): readonly string[];
}

/** A Durable Object, from outside. */
export interface ObjectStub {
  fetch(request: Request): Promise<Response>;
}

/** The objects of a class. */
export interface ObjectNamespace {
  idFromName(name: string): unknown;
  get(id: unknown): ObjectStub;
}

/** The two ends of a new WebSocket: what the client gets, and what stays here. */
export function socketPair(): readonly [client: unknown, server: HibernatableSocket] {
  // Every Worker has it, and no other platform does.
  const { WebSocketPair } = globalThis as unknown as {
    readonly WebSocketPair: new () => { readonly 0: unknown; readonly 1: HibernatableSocket };
  };
  const pair = new WebSocketPair();
  return [pair[0], pair[1]];
}

/** The answer that makes a request a WebSocket. */
export function upgraded(client: unknown, headers: Readonly<Record<string, string>>): Response {
  return new Response(null, { status: 101, headers, webSocket: client } as ResponseInit);
}
