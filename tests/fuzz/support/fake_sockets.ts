/**
 * The example broker as it serves WebSockets, with sockets of a test's own in the place of the platform's, and a clock that
 * stands still.
 */
import { setImmediate } from "node:timers/promises";
import { type BrokerEvent, type SessionBroker, sessionBroker } from "../../../mod.ts";
import { PacketReader } from "../../../examples/broker/codec.ts";
import { type InputBounds, MqttOverWebSocket } from "../../../examples/broker/serve.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { type FakeClock, fakeClock } from "../../../src/testing/mod.ts";
import { parse } from "../../support/mqtt_packet_codec.ts";
import type { ParsedMqttPacket } from "../../../src/hosts/mqtt_packet.ts";
import { joined } from "./damage.ts";

const START = 1_700_000_000_000;

/** More turns than anything in memory needs to come to rest. */
const TURNS = 300;

/** The server's side of a WebSocket, as much of it as the broker uses. */
export class FakeSocket {
  binaryType = "";
  readonly bufferedAmount = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  /** What the broker sent. */
  readonly frames: Uint8Array[] = [];
  closed = false;

  send(frame: Uint8Array): void {
    if (this.closed) throw new Error("a closed socket was sent to");
    this.frames.push(frame.slice());
  }
  close(): void {
    this.closed = true;
  }

  /** Brings bytes of the client; a closed socket takes nothing. */
  receive(bytes: Uint8Array): void {
    if (!this.closed) this.onmessage?.({ data: bytes.slice().buffer });
  }
  /** The packets that the broker sent, as a client of 5.0 reads them, or of 3.1.1. */
  packets(version: 4 | 5 = 5): readonly ParsedMqttPacket[] {
    return parse(joined(...this.frames), version).packets;
  }
}

/** A served broker and all around it. */
export interface Served {
  readonly broker: SessionBroker;
  readonly clock: FakeClock;
  readonly events: readonly BrokerEvent[];
  /** Errors that nobody caught. */
  readonly uncaught: readonly unknown[];
  /** The most bytes that a reader has held at once. */
  mostBuffered(): number;
  open(): FakeSocket;
  /** Lets everything come to rest. */
  rest(): Promise<void>;
}

/** Serves while a test uses it. */
export async function serving<Value>(bounds: InputBounds, use: (served: Served) => Promise<Value>): Promise<Value> {
  const clock = fakeClock(START);
  const events: BrokerEvent[] = [];
  const uncaught: unknown[] = [];
  let ids = 0;
  const broker = sessionBroker({
    store: memoryStore(),
    limits: { maximumPacketSize: bounds.maxPacketBytes },
    environment: { now: clock.now, monotonic: clock.monotonic, wake: clock.wake, randomId: () => `id-${++ids}` },
    observe: (event) => events.push(event),
    doorbellPollMs: 0,
  });
  const server = new MqttOverWebSocket(broker, bounds);
  const { upgradeWebSocket } = Deno;
  const { push } = PacketReader.prototype;
  let most = 0;
  let next = new FakeSocket();
  // As much of a socket as the broker uses.
  Deno.upgradeWebSocket = () => ({ socket: next as unknown as WebSocket, response: new Response(null) });
  PacketReader.prototype.push = function (bytes: Uint8Array): void {
    push.call(this, bytes);
    most = Math.max(most, this.bufferedBytes);
  };
  const caught = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    uncaught.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", caught);
  try {
    return await use({
      broker,
      clock,
      events,
      uncaught,
      mostBuffered: () => most,
      open: () => {
        next = new FakeSocket();
        const headers = { upgrade: "websocket", "sec-websocket-protocol": "mqtt" };
        server.handle(new Request("http://broker/mqtt", { headers }));
        next.onopen?.();
        return next;
      },
      rest: async () => {
        for (let turn = 0; turn < TURNS; turn++) await undefined;
        // Rejections that nobody handles are told after the microtasks.
        await setImmediate();
      },
    });
  } finally {
    await broker.shutdown();
    Deno.upgradeWebSocket = upgradeWebSocket;
    PacketReader.prototype.push = push;
    globalThis.removeEventListener("unhandledrejection", caught);
  }
}
