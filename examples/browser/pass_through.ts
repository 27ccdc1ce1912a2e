/**
 * A WebSocket of a client, passed through to the broker's node frame by frame.
 *
 * @module
 */

/** What may wait for a side that does not read, in bytes: neither socket can be paused. */
const WAITING_BYTES = 33_554_432;

/** The answer to a handshake: whatever the node does to its socket happens to the client's. */
export async function passThrough(request: Request, node: string | undefined): Promise<Response> {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return new Response("MQTT is spoken by WebSocket here.\n", { status: 426, headers: { upgrade: "websocket" } });
  }
  const offered = (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
  if (!offered.includes("mqtt")) return new Response("The sub-protocol has to be mqtt.\n", { status: 400 });
  const inner = node === undefined ? undefined : await open(node);
  if (inner === undefined) return new Response("The broker's node is down.\n", { status: 502 });
  try {
    const { socket: outer, response } = Deno.upgradeWebSocket(request, { protocol: "mqtt" });
    outer.binaryType = "arraybuffer";
    join(outer, inner);
    join(inner, outer);
    return response;
  } catch {
    inner.close();
    return new Response("This is no WebSocket handshake.\n", { status: 400 });
  }
}

/** A socket to the node, once it is open; `undefined` when nobody answers. */
function open(url: string): Promise<WebSocket | undefined> {
  const socket = new WebSocket(url, "mqtt");
  socket.binaryType = "arraybuffer";
  return new Promise((resolve) => {
    socket.onopen = () => resolve(socket);
    socket.onclose = socket.onerror = () => resolve(undefined);
  });
}

function join(from: WebSocket, to: WebSocket): void {
  from.onmessage = ({ data }) => {
    if (to.readyState !== WebSocket.OPEN) return;
    to.send(data);
    if (to.bufferedAmount > WAITING_BYTES) end(to, from);
  };
  from.onerror = () => end(to);
  from.onclose = () => end(to);
}

function end(...sockets: readonly WebSocket[]): void {
  // A socket that never opened or has gone takes no close; that of a killed node ends without a word.
  for (const socket of sockets) if (socket.readyState === WebSocket.OPEN) socket.close(1000);
}
