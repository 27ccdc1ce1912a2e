/** A port that nobody listens on at this moment. Nodes of a Redis Cluster also need the one 10 000 above. */
export function freePort(): number {
  for (;;) {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    if (port <= 55_535) return port;
  }
}
