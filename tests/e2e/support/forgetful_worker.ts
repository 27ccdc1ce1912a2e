/**
 * The worker of `examples/cloudflare`, whose objects lose their memory at random.
 *
 * The platform puts an object to sleep when no event is under way, and makes it anew when the next one comes. Here that is
 * done before any such event, with a chance of `FORGET`: what comes through a test of this needs no field of an object.
 *
 * @module
 */
import { durableObjectStore } from "@edge-mqtt/session/durable-object";
import type { HibernatableSocket, ObjectContext } from "../../../examples/cloudflare/platform.ts";
import type { Environment } from "../../../examples/cloudflare/settings.ts";
import { Tenant } from "../../../examples/cloudflare/tenant.ts";
import worker from "../../../examples/cloudflare/worker.ts";

/** What an object tells a test that asks it past its broker. */
export interface ObjectReport {
  /** How often an object was made anew, in this run of the process. */
  readonly made: number;
  /** What waits for the client that was asked for; absent when it has no session. */
  readonly queuedMessages?: number;
}

interface ForgetfulEnvironment extends Environment {
  readonly FORGET?: string;
}

/** A tenant that forgets. */
export class Forgetful {
  static #made = 0;
  readonly #context: ObjectContext;
  readonly #make: () => Tenant;
  readonly #chance: number;
  #tenant: Tenant;
  #underWay = 0;
  readonly #awaitingAlarm: (() => void)[] = [];

  constructor(context: ObjectContext, environment: ForgetfulEnvironment) {
    Forgetful.#made++;
    this.#context = context;
    this.#chance = Number(environment.FORGET ?? "0");
    this.#make = () => new Tenant(context, environment);
    this.#tenant = this.#make();
  }

  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/report") {
      // The next alarm is waited for by whoever has something to find after it.
      if (searchParams.has("afterAlarm")) await new Promise<void>((resolve) => this.#awaitingAlarm.push(resolve));
      const { directory } = durableObjectStore(this.#context.storage);
      const { queuedMessages } = await directory.inspect(searchParams.get("client") ?? "") ?? {};
      const report: ObjectReport = {
        made: Forgetful.#made,
        ...(queuedMessages === undefined ? {} : { queuedMessages }),
      };
      return Response.json(report);
    }
    return await this.#event((tenant) => tenant.fetch(request));
  }

  webSocketMessage(socket: HibernatableSocket, data: ArrayBuffer | string): Promise<void> {
    return this.#event((tenant) => tenant.webSocketMessage(socket, data));
  }

  webSocketClose(socket: HibernatableSocket): Promise<void> {
    return this.#event((tenant) => tenant.webSocketClose(socket));
  }

  webSocketError(socket: HibernatableSocket): Promise<void> {
    return this.#event((tenant) => tenant.webSocketError(socket));
  }

  async alarm(): Promise<void> {
    await this.#event((tenant) => tenant.alarm());
    for (const resolve of this.#awaitingAlarm.splice(0)) resolve();
  }

  async #event<Result>(run: (tenant: Tenant) => Promise<Result>): Promise<Result> {
    if (this.#underWay === 0 && Math.random() < this.#chance) this.#tenant = this.#make();
    this.#underWay++;
    try {
      return await run(this.#tenant);
    } finally {
      this.#underWay--;
    }
  }
}

/** The worker, and reports of its tenant `main`. */
export default {
  fetch(request: Request, environment: Environment): Promise<Response> {
    const { OBJECTS } = environment;
    const isReport = new URL(request.url).pathname === "/report";
    return isReport ? OBJECTS.get(OBJECTS.idFromName("main")).fetch(request) : worker.fetch(request, environment);
  },
};
