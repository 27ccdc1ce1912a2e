/**
 * The worker of `examples/cloudflare`, whose objects lose their memory at random.
 *
 * The platform puts an object to sleep when no event is under way, and makes it anew when the next one comes. Here that is
 * done before any such event, with a chance of `FORGET`: what comes through a test of this needs no field of an object.
 *
 * @module
 */
import type { HibernatableSocket, ObjectContext } from "../../../examples/cloudflare/platform.ts";
import type { Environment } from "../../../examples/cloudflare/settings.ts";
import { Tenant } from "../../../examples/cloudflare/tenant.ts";
import worker from "../../../examples/cloudflare/worker.ts";

interface ForgetfulEnvironment extends Environment {
  readonly FORGET?: string;
}

/** A tenant that forgets. */
export class Forgetful {
  readonly #make: () => Tenant;
  readonly #chance: number;
  #tenant: Tenant;
  #underWay = 0;

  constructor(context: ObjectContext, environment: ForgetfulEnvironment) {
    this.#chance = Number(environment.FORGET ?? "0");
    this.#make = () => new Tenant(context, environment);
    this.#tenant = this.#make();
  }

  fetch(request: Request): Promise<Response> {
    return this.#event((tenant) => tenant.fetch(request));
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

  alarm(): Promise<void> {
    return this.#event((tenant) => tenant.alarm());
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

export default worker;
