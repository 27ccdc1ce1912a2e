import type { AedesContext } from "./context.ts";
import { SessionLine } from "./session_line.ts";

/** The lines of all clients for which something is to be done, or which are connected. */
export class SessionLines {
  readonly #context: AedesContext;
  readonly #lines = new Map<string, SessionLine>();

  constructor(context: AedesContext) {
    this.#context = context;
  }

  /** The line of a client. */
  of(clientId: string): SessionLine {
    let line = this.#lines.get(clientId);
    if (line === undefined) {
      line = new SessionLine(clientId, this.#context, (idle) => this.#drop(idle));
      this.#lines.set(clientId, line);
    }
    return line;
  }

  /** The line of a client, if there is one. */
  at(clientId: string): SessionLine | undefined {
    return this.#lines.get(clientId);
  }

  #drop(line: SessionLine): void {
    if (line.isIdle && this.#lines.get(line.clientId) === line) this.#lines.delete(line.clientId);
  }
}
