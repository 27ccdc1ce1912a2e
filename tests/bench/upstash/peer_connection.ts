/**
 * The peer's connection to Redis, and what went over it.
 *
 * @module
 */
import { type Command, Redis } from "ioredis";
import { clearImmediate, setImmediate } from "node:timers";

/** Where the peer's Redis is, and how the connection is used. */
export interface PeerConnectionOptions {
  /** Port on 127.0.0.1: of the server, or of a pipe that delays. */
  readonly port: number;
  /**
   * Whether commands of one turn of the event loop are sent as one write; off when absent, as in ioredis and in the
   * README of `aedes-persistence-redis`. Without it ioredis already sends each command at once, before the answers of
   * earlier ones: it changes how often the socket is written to, not how many trips are waited for.
   */
  readonly enableAutoPipelining?: boolean;
  /**
   * Counts trips, at the price of time: a command is held until all that were sent before it are answered and nobody
   * has more to say. What then goes out together is one trip, as it would be if the way were long and the ends quick.
   */
  readonly countTrips?: boolean;
}

/** Turns of the event loop in which nobody has said more; streams need some to hand an item on. */
const QUIET_TURNS = 4;

/** A connection of ioredis that can count its trips. */
export class PeerConnection extends Redis {
  /** Trips until now; stays 0 unless they are counted. */
  trips = 0;
  #counting = false;
  #underWay = 0;
  #quiet: NodeJS.Immediate | undefined;
  #held: (() => void)[] = [];
  #settled: (() => void)[] = [];

  /** Connects, and refuses to stay when the server is away: a benchmark that reconnects measures something else. */
  static async open(options: PeerConnectionOptions): Promise<PeerConnection> {
    const { port, enableAutoPipelining = false, countTrips = false } = options;
    const connection = new PeerConnection({
      host: "127.0.0.1",
      port,
      enableAutoPipelining,
      lazyConnect: true,
      retryStrategy: () => null,
    });
    // Commands reject by themselves; without a listener ioredis would print the error beside.
    connection.on("error", () => {});
    await connection.connect();
    connection.#counting = countTrips;
    return connection;
  }

  /** Bytes written to the socket and read from it until now. */
  get bytes(): { readonly sent: number; readonly received: number } {
    const { bytesWritten, bytesRead } = this.#socket;
    return { sent: bytesWritten, received: bytesRead };
  }

  /** Waits until all commands are answered, also those that nobody waits for and those that follow from them. */
  settle(): Promise<void> {
    return new Promise((resolve) => {
      this.#settled.push(resolve);
      this.#listen();
    });
  }

  override sendCommand(command: Command, stream?: Parameters<Redis["sendCommand"]>[1]): unknown {
    const answered = () => {
      this.#underWay -= 1;
      this.#listen();
    };
    command.promise.then(answered, answered);
    const send = () => {
      this.#underWay += 1;
      super.sendCommand(command, stream);
    };
    if (this.#counting) {
      this.#held.push(send);
      this.#listen();
    } else {
      send();
    }
    return command.promise;
  }

  /** Waits for quiet, anew with each word. */
  #listen(turns = QUIET_TURNS): void {
    if (this.#underWay > 0 || (this.#held.length === 0 && this.#settled.length === 0)) return;
    clearImmediate(this.#quiet);
    this.#quiet = setImmediate(() => turns > 0 ? this.#listen(turns - 1) : this.#goOn());
  }

  /** Lets the held commands go as one trip; with none, all is settled. */
  #goOn(): void {
    const held = this.#held;
    if (held.length === 0) {
      for (const resolve of this.#settled.splice(0)) resolve();
      return;
    }
    this.#held = [];
    this.trips += 1;
    for (const send of held) send();
  }

  get #socket(): { readonly bytesWritten: number; readonly bytesRead: number } {
    // ioredis keeps its `net.Socket` here while it is connected; its types leave the member out.
    return (this as unknown as { stream: { bytesWritten: number; bytesRead: number } }).stream;
  }
}

/** How often each command has run on a server, by its name in capitals. */
export async function commandCounts(control: Redis): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const [, name, calls] of (await control.info("commandstats")).matchAll(/cmdstat_([^:]+):calls=(\d+)/g)) {
    if (name !== undefined && name !== "info") counts.set(name.toUpperCase(), Number(calls));
  }
  return counts;
}
