/**
 * The worker of `examples/cloudflare`, of one object a tenant or of several, whose objects count what they are billed for.
 *
 * @module
 */
import type { HibernatableSocket, ObjectContext } from "../../../examples/cloudflare/platform.ts";
import type { ShardedEnvironment } from "../../../examples/cloudflare/sharded/settings.ts";
import { Tenant } from "../../../examples/cloudflare/sharded/tenant.ts";
import worker from "../../../examples/cloudflare/sharded/worker.ts";
import type { DurableObjectStorageLike, SqlCursor } from "../../../src/stores/durable_object/mod.ts";

/** What one thing took. */
export interface Bill {
  /** Frames, sockets opened and closed, alarms, and calls, each of which wakes an object that sleeps. */
  readonly events: number;
  /** Calls by other objects of the tenant. */
  readonly calls: number;
  /** Statements of SQL, whose transactions are no statements. */
  readonly statements: number;
  readonly rowsRead: number;
  readonly rowsWritten: number;
  /** Waits for the platform to confirm a commit. */
  readonly syncs: number;
  /** Alarms that were set: a row written each. */
  readonly alarmsSet: number;
}

const NOTHING: Bill = { events: 0, calls: 0, statements: 0, rowsRead: 0, rowsWritten: 0, syncs: 0, alarmsSet: 0 };

/** A tenant that counts. */
export class Counted {
  readonly #make: () => Tenant;
  #tenant: Tenant;
  #underWay = 0;
  #bill: Bill = NOTHING;
  readonly #cursors: SqlCursor[] = [];

  constructor(context: ObjectContext, environment: ShardedEnvironment) {
    const counted = this.#counting(context);
    this.#make = () => new Tenant(counted, environment);
    this.#tenant = this.#make();
  }

  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/bill":
        return Response.json(this.#takeBill());
      case "/forget":
        if (this.#underWay === 0) this.#tenant = this.#make();
        return new Response();
      default:
        if (!pathname.startsWith("/mqtt")) this.#add({ calls: 1 });
        return await this.#event((tenant) => tenant.fetch(request));
    }
  }

  webSocketMessage(socket: HibernatableSocket, data: ArrayBuffer | string): Promise<void> {
    return this.#event((tenant) => tenant.webSocketMessage(socket, data));
  }

  webSocketClose(socket: HibernatableSocket): Promise<void> {
    return this.#event((tenant) => tenant.webSocketClose(socket));
  }

  alarm(): Promise<void> {
    return this.#event((tenant) => tenant.alarm());
  }

  async #event<Result>(run: (tenant: Tenant) => Promise<Result>): Promise<Result> {
    this.#add({ events: 1 });
    this.#underWay++;
    try {
      return await run(this.#tenant);
    } finally {
      this.#underWay--;
    }
  }

  /** What was taken since the last time; `null` as long as something is under way. */
  #takeBill(): Bill | null {
    if (this.#underWay > 0) return null;
    for (const { rowsRead, rowsWritten } of this.#cursors.splice(0)) this.#add({ rowsRead, rowsWritten });
    const bill = this.#bill;
    this.#bill = NOTHING;
    return bill;
  }

  #add(more: Partial<Bill>): void {
    const sum = { ...this.#bill };
    for (const name of Object.keys(more) as (keyof Bill)[]) sum[name] += more[name] ?? 0;
    this.#bill = sum;
  }

  #counting(context: ObjectContext): ObjectContext {
    const { storage } = context;
    const counted: DurableObjectStorageLike & ObjectContext["storage"] = {
      sql: {
        exec: (query, ...bindings) => {
          const cursor = storage.sql.exec(query, ...bindings);
          this.#add({ statements: 1 });
          // A cursor goes on counting while it is read.
          this.#cursors.push(cursor);
          return cursor;
        },
      },
      transactionSync: (run) => storage.transactionSync(run),
      sync: () => {
        this.#add({ syncs: 1 });
        return storage.sync();
      },
      getAlarm: () => storage.getAlarm(),
      setAlarm: (at) => {
        this.#add({ alarmsSet: 1, rowsWritten: 1 });
        return storage.setAlarm(at);
      },
    };
    return {
      storage: counted,
      acceptWebSocket: (socket, tags) => context.acceptWebSocket(socket, tags),
      getWebSockets: (tag) => tag === undefined ? context.getWebSockets() : context.getWebSockets(tag),
      getTags: (socket) => context.getTags(socket),
    };
  }
}

/** The worker, and what an object of it took: that of its tenant `main` unless another is named. */
export default {
  fetch(request: Request, environment: ShardedEnvironment): Promise<Response> {
    const { OBJECTS } = environment;
    const { pathname, searchParams } = new URL(request.url);
    if (pathname.startsWith("/mqtt")) return worker.fetch(request, environment);
    return OBJECTS.get(OBJECTS.idFromName(searchParams.get("object") ?? "main")).fetch(request);
  },
};
