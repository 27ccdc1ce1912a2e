import type { Transport } from "./transport.ts";

/**
 * A way to a client that stays open while its process loses its memory, between any two packets.
 *
 * Its broker needs the option `hibernation`. On such a connection Topic Alias Maximum is 0, a QoS 0 message that cannot be
 * sent at once is lost and counted, and a CONNECT whose Client Identifier and principal are together longer than 1 536
 * bytes gets 0x85.
 */
export interface HibernatingTransport extends Transport {
  /**
   * Tells this socket from all that ever were, at least 122 random bits: it becomes the owner token of its session. Where
   * sockets are found by a tag it is that tag. Made by the broker when absent.
   */
  readonly token?: string;
  /**
   * Keeps what `resume` takes, in place of what was kept before, as long as the socket is open: at most 2 048 bytes, no
   * secret among them. It has to be kept when the call returns; what it throws counts as a lost connection.
   *
   * Before anything leaves that would make it untrue, what is kept says that something is under way; once nothing is, it
   * says exactly where the connection stands. So whatever is found was either so when memory was lost, and the connection
   * goes on without a packet being sent twice, or something was lost with it, and then the connection is closed: its client
   * connects again, and gets what may have been sent already with DUP.
   */
  keep(attachment: Uint8Array): void;
}

/** A connection whose process may have forgotten it. */
export interface SleepingConnection {
  /** The way to its client. */
  readonly transport: HibernatingTransport;
  /** What was kept last. */
  readonly attachment: Uint8Array;
}

/**
 * Which sockets are open, though this process may know nothing of them: for a platform where one process at a time is the
 * only one that serves these sessions, and is stopped and started while sockets stay open. `hibernation` takes it.
 *
 * Its node has no lease: its name is `nodeId` as it is given, and sessions whose sockets are gone are found when the
 * broker is made while none is open.
 */
export interface HibernationOptions {
  /** The open socket whose transport has this token; `undefined` when there is none. */
  find(token: string): SleepingConnection | undefined;
  /** All open sockets for which something was kept. */
  all(): Iterable<SleepingConnection>;
}

/** The option `hibernation` of a broker, as the function of this name makes it. */
export interface Hibernating {
  /** For the broker alone: how it works with what sleeps. A broker without the option does not carry that along. */
  readonly rules: unknown;
}

/** Whether a transport can keep something. */
export function isHibernating(transport: Transport): transport is HibernatingTransport {
  return "keep" in transport && typeof transport.keep === "function";
}
