import type { Backend } from "./backend.ts";
import type { HttpStream } from "./http_server.ts";
import { type Command, plain } from "./resp_codec.ts";

/** What is published on a channel, as server-sent events. */
export function subscription(backend: Backend, subscribe: Command): HttpStream {
  return {
    headers: { "content-type": "text/event-stream", "cache-control": "no-cache" },
    async start(send) {
      const connection = await backend.connect();
      const tell = (message: unknown): void => send(`data: ${[message].flat().join(",")}\n\n`);
      connection.onPush = (message) => tell(plain(message));
      tell(plain(await connection.command(subscribe)));
      return () => connection.close();
    },
  };
}
