/**
 * The worker of `examples/cloudflare`, of one object a tenant or of several, whose objects lose their memory at random.
 *
 * The platform puts an object to sleep when no event is under way, and makes it anew when the next one comes. Here that is
 * done before any such event, with a chance of `FORGET`: what comes through a test of this needs no field of an object.
 *
 * @module
 */
import { durableObjectStore } from "@edge-mqtt/session/durable-object";
import type { HibernatableSocket, ObjectContext } from "../../../examples/cloudflare/platform.ts";
import type { ShardedEnvironment } from "../../../examples/cloudflare/sharded/settings.ts";
import { Tenant } from "../../../examples/cloudflare/sharded/tenant.ts";
import worker from "../../../examples/cloudflare/sharded/worker.ts";

/** What an object tells a test that asks it past its broker. */
export interface ObjectReport {
  /** How often an object was made anew, in this run of the process. */
  readonly made: number;
  /** What waits for the client that was asked for; absent when it has no session. */
  readonly queuedMessages?: number;
  /** When the object is woken next; `null` for never. */
  readonly alarmAt: number | null;
  /** What it is subscribed to, as a number. */
  readonly subscriptions?: number;
}

interface ForgetfulEnvironment extends ShardedEnvironment {
  readonly FORGET?: string;
  /** `true` leaves messages of other shards unanswered. */
  readonly DEAF?: string;
}

/** A tenant that forgets. */
export class Forgetful {
  static #made = 0;
  readonly #context: ObjectContext;
  readonly #make: () => Tenant;
  readonly #chance: number;
  readonly #isDeaf: boolean;
  #tenant: Tenant;
  #underWay = 0;
  readonly #awaitingAlarm: (() => void)[] = [];

  constructor(context: ObjectContext, environment: ForgetfulEnvironment) {
    Forgetful.#made++;
    this.#context = context;
    this.#chance = Number(environment.FORGET ?? "0");
    this.#isDeaf = environment.DEAF === "true";
    this.#make = () => new Tenant(context, environment);
    this.#tenant = this.#make();
  }

  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/report") {
      // The next alarm is waited for by whoever has something to find after it.
      if (searchParams.has("afterAlarm")) await new Promise<void>((resolve) => this.#awaitingAlarm.push(resolve));
      const { directory } = durableObjectStore(this.#context.storage);
      const found = await directory.inspect(searchParams.get("client") ?? "");
      const report: ObjectReport = {
        made: Forgetful.#made,
        alarmAt: await this.#context.storage.getAlarm(),
        ...(found === undefined ? {} : { queuedMessages: found.queuedMessages, subscriptions: found.subscriptions }),
      };
      return Response.json(report);
    }
    if (this.#isDeaf && pathname === "/take") await new Promise((resolve) => setTimeout(resolve, 600_000));
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

/** The worker, and reports of an object of it: that of its tenant `main` unless another is named. */
export default {
  fetch(request: Request, environment: ShardedEnvironment): Promise<Response> {
    const { OBJECTS } = environment;
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/report") return worker.fetch(request, environment);
    return OBJECTS.get(OBJECTS.idFromName(searchParams.get("object") ?? "main")).fetch(request);
  },
};
