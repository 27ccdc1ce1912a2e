/** What a program is given by where it runs. */
export interface Surroundings {
  /** A broker over WebSocket, which keeps what it is told in memory. */
  readonly mqttUrl: string;
  /** A database that speaks Upstash's REST protocol. */
  readonly upstash: { readonly url: string; readonly token: string };
  /** What the platform gives a worker, by the name of its binding; only in `workerd`. */
  readonly bindings?: Readonly<Record<string, unknown>>;
}

/** What a runtime is asked to do with one entry point; it throws when that goes wrong. */
export interface Program {
  run(surroundings: Surroundings): Promise<void> | void;
}
