import { SessionError } from "../../errors.ts";
import type { ConnectRequest } from "../../machine/client_event.ts";
import { isUtf8EncodedString } from "../../mqtt/utf8.ts";
import { systemEnvironment } from "../environment.ts";
import { harmless } from "../observe.ts";
import { DEFAULT_COMMIT, requireCapabilities } from "../resolve_options.ts";
import type { ClientNews, ClientQueue, SessionClientOptions } from "./options.ts";
import type { CommitOptions } from "../options.ts";
import type { BrokerEnvironment } from "../environment.ts";

/** The options with every default filled in. */
export interface ResolvedClient extends SessionClientOptions {
  readonly connect: ConnectRequest;
  readonly observe: (news: ClientNews) => void;
  readonly queue: ClientQueue;
  readonly environment: BrokerEnvironment;
  readonly commit: CommitOptions;
}

const DEFAULT_QUEUE: ClientQueue = { maximumMessages: 100_000, maximumBytes: 268_435_456, maximumUnhandled: 1_000 };
const DEFAULT_CONNECT: ConnectRequest = {
  protocolVersion: 5,
  cleanStart: false,
  keepAlive: 60,
  sessionExpiryInterval: 3_600,
};

/** Fills in the defaults, and checks what would show late otherwise. */
export function resolveClient(options: SessionClientOptions): ResolvedClient {
  const { store, clientId } = options;
  requireCapabilities(store.capabilities, options.require ?? { fencing: "strict", consistency: "strong" }, "a client");
  if (store.capabilities.delivery !== "commit") {
    throw new SessionError("CAPABILITY_MISSING", "Cannot make a client: the store delivers by outboxes alone");
  }
  if (typeof options.onMessage !== "function") throw new TypeError("Cannot make a client: onMessage is no function");
  if (!isUtf8EncodedString(clientId)) {
    throw new RangeError("Cannot make a client: the Client Identifier is no UTF-8 Encoded String");
  }
  const asked = options.connect ?? {};
  const interval = asked.protocolVersion === 4 ? {} : { sessionExpiryInterval: DEFAULT_CONNECT.sessionExpiryInterval };
  const { sessionExpiryInterval: _interval, ...plain } = DEFAULT_CONNECT;
  return {
    ...options,
    connect: { ...plain, ...interval, ...asked } as ConnectRequest,
    observe: harmless(options.observe),
    queue: { ...DEFAULT_QUEUE, ...options.queue },
    environment: options.environment ?? systemEnvironment(),
    commit: { ...DEFAULT_COMMIT, ...options.commit },
  };
}
