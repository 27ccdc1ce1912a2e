/**
 * The REST server on a thread of its own, so that its work is not taken for the client's: Redis, too, is elsewhere.
 *
 * @module
 */
import type { RedisServer } from "../../support/redis/redis_server.ts";
import { RespConnection } from "../../support/redis/resp.ts";
import { startUpstash } from "../../support/redis/upstash_server.ts";

/** Where the server of another thread is. */
export interface RestServer extends Disposable {
  readonly port: number;
  readonly token: string;
}

/** Starts it before a Redis on a port of this machine. */
export async function startRestServer(redisPort: number): Promise<RestServer> {
  const worker = new Worker(import.meta.url, { type: "module" });
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly port: number; readonly token: string }>();
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = (event) => reject(new Error(`Cannot start the REST server: ${event.message}`));
  worker.postMessage(redisPort);
  const { port, token } = await promise;
  return { port, token, [Symbol.dispose]: () => worker.terminate() };
}

/** What a thread has that a page has not. */
interface Thread {
  onmessage: (event: MessageEvent<number>) => void;
  postMessage(value: unknown): void;
}

if ("DedicatedWorkerGlobalScope" in globalThis) {
  const thread = globalThis as unknown as Thread; // As was just seen.
  thread.onmessage = ({ data }) => {
    // Of a server no more is used than its connections: it is watched and ended by the other thread.
    const redis = { connect: () => RespConnection.connect(data) } as RedisServer;
    const { port, token } = startUpstash({ redis });
    thread.postMessage({ port, token });
  };
}
