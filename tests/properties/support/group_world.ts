/**
 * A shared group under everything that happens to one: members that come, go, take over, begin anew and acknowledge late,
 * nodes that crash, and commits whose answers get lost. What clients saw is judged in their own words.
 */
import { type BrokerConnection, type SessionBroker, sessionBroker } from "../../../mod.ts";
import { SessionError } from "../../../src/errors.ts";
import type { ServerPacket } from "../../../src/mqtt/packet.ts";
import type { SessionStore } from "../../../src/store/session_store.ts";
import { fakeClock, random } from "../../../src/testing/mod.ts";

const START = 1_700_000_000_000;
const FILTER = "$share/g/t";

/** One receipt of a message. */
export interface Receipt {
  readonly clientId: string;
  /** Counts the sessions of this client. */
  readonly session: number;
  readonly at: number;
  acknowledged: boolean;
}

interface Member {
  readonly clientId: string;
  session: number;
  /** When each session was over for certain or may have been: a Clean Start was tried, or an interval of 0 sent. */
  readonly given: number[];
  connection: BrokerConnection | undefined;
  readonly pending: { readonly packetId: number; readonly qos: 1 | 2; readonly receipt: Receipt }[];
}

interface Node {
  broker: SessionBroker;
  kill: () => void;
}

/** What a run saw. */
export interface GroupRun {
  readonly published: ReadonlyMap<string, 1 | 2>;
  readonly receipts: ReadonlyMap<string, readonly Receipt[]>;
  /** Whether a session may have been given up before the moment. */
  mayHaveEnded(clientId: string, session: number, by: number): boolean;
  /** Whether a message may have been taken for started that never was: its owner was not asked. */
  readonly mayCountAsStarted: boolean;
  /** What is left in the group at the end. */
  readonly left: number;
}

/** How a run is made. */
export interface GroupRunOptions {
  readonly seed: number;
  readonly steps: number;
  readonly nodes: number;
  readonly crashes: boolean;
  readonly faults: boolean;
}

/** Lets everything run that waits for nothing but its turn. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 400; turn++) await undefined;
}

/** Plays one run to its end: everybody is back, and has acknowledged all that came. */
export async function playGroup(store: SessionStore, options: GroupRunOptions): Promise<GroupRun> {
  const chance = random(options.seed);
  const clock = fakeClock(START);
  let ids = 0;
  let now = 0;
  let isCalm = true;
  const published = new Map<string, 1 | 2>();
  const receipts = new Map<string, Receipt[]>();
  let hasCrashed = false;
  let hasTakenOver = false;

  const start = (name: string): Node => {
    let dead = false;
    const never = new Promise<never>(() => {});
    const guarded = <Arguments extends readonly unknown[], Value>(
      call: (...given: Arguments) => Promise<Value>,
      mayFail: boolean,
    ) =>
    async (...given: Arguments): Promise<Value> => {
      if (dead) return await never;
      const fate = mayFail && options.faults && !isCalm ? chance.below(24) : 99;
      if (fate === 0) throw new SessionError("OUTCOME_UNKNOWN", "Cannot commit: lost on the way there");
      const value = await call(...given);
      if (fate === 1) throw new SessionError("OUTCOME_UNKNOWN", "Cannot commit: lost on the way back");
      return dead ? await never : value;
    };
    const broker = sessionBroker({
      nodeId: name,
      store: {
        ...store,
        acquire: guarded(store.acquire, true),
        commit: guarded(store.commit, true),
        read: guarded(store.read, false),
        readQueue: guarded(store.readQueue, false),
        listDue: guarded(store.listDue, false),
        sweep: guarded(store.sweep, false),
        readRings: guarded(store.readRings, false),
        renewNode: guarded(store.renewNode, false),
        matchSubscriptions: guarded(store.matchSubscriptions, false),
      },
      lease: { durationMs: 4_000, renewEveryMs: 1_000, closeAfterMs: 3_000, graceMs: 500 },
      environment: {
        now: clock.now,
        monotonic: clock.monotonic,
        randomId: () => `id-${++ids}`,
        wake: (at, callback) => clock.wake(at, () => dead ? undefined : callback()),
      },
    });
    broker.start();
    return { broker, kill: () => void (dead = true) };
  };
  let names = 0;
  const publisher = sessionBroker({
    nodeId: "publisher",
    store,
    environment: { now: clock.now, monotonic: clock.monotonic, randomId: () => `id-${++ids}`, wake: clock.wake },
  });
  const nodes = Array.from({ length: options.nodes }, (_, index) => start(`n${index}`));
  const members = ["a", "b", "c", "d"].map((clientId): Member => ({
    clientId,
    session: 0,
    given: [],
    connection: undefined,
    pending: [],
  }));

  const pass = async (ms: number): Promise<void> => {
    const end = clock.now() + ms;
    await rest();
    for (let next = clock.nextAt(); next !== undefined && next <= end; next = clock.nextAt()) {
      clock.advanceToNext();
      await rest();
    }
    clock.advance(end - clock.now());
    await rest();
  };
  /** A CONNECT or DISCONNECT that is held up may end a session that begins only after it was sent. */
  const given = (member: Member): void => {
    for (const later of [0, 1, 2]) member.given[member.session + later] ??= now;
  };
  const connect = async (member: Member, cleanStart: boolean): Promise<void> => {
    if (cleanStart) given(member);
    if (cleanStart && (member.connection !== undefined || nodes.length > 1)) hasTakenOver = true;
    const { broker } = chance.pick(nodes);
    member.pending.length = 0;
    const mine = broker.accept({
      send: (packet: ServerPacket) => {
        if (member.connection !== mine) return;
        switch (packet.type) {
          case "connack":
            if (packet.reasonCode === 0 && !packet.sessionPresent) {
              given(member);
              member.session += 1;
            }
            return;
          case "publish": {
            const { packetId = 0, qos, payload } = packet;
            const receipt = { clientId: member.clientId, session: member.session, at: now, acknowledged: false };
            const name = new TextDecoder().decode(payload);
            receipts.set(name, [...receipts.get(name) ?? [], receipt]);
            if (qos > 0) member.pending.push({ packetId, qos: qos as 1 | 2, receipt });
            return;
          }
          case "pubrel":
            mine.receive([{ type: "pubcomp", packetId: packet.packetId, reasonCode: 0 }]);
            return;
          default:
        }
      },
      close: () => {
        if (member.connection === mine) member.connection = undefined;
      },
    });
    member.connection = mine;
    mine.receive([{
      type: "connect",
      protocolVersion: 5,
      clientId: member.clientId,
      cleanStart,
      keepAlive: 0,
      sessionExpiryInterval: 10_000_000,
      receiveMaximum: 1 + chance.below(3),
    }, {
      type: "subscribe",
      packetId: 1,
      subscriptions: [{ filter: FILTER, qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
    }]);
    if (chance.below(2) === 0) await rest();
  };
  const acknowledge = (member: Member): void => {
    const next = member.pending.shift();
    if (next === undefined || member.connection === undefined) return;
    next.receipt.acknowledged = true;
    const { packetId, qos } = next;
    member.connection.receive([{ type: qos === 1 ? "puback" : "pubrec", packetId, reasonCode: 0 }]);
  };

  // One member is there all the time, so that the group never ends.
  const keeper: Member = { clientId: "keeper", session: 0, given: [], connection: undefined, pending: [] };
  await connect(keeper, false);
  await rest();
  keeper.connection?.closed();
  await rest();
  isCalm = false;
  for (let step = 0; step < options.steps; step++) {
    now = step + 1;
    const member = chance.pick(members);
    switch (chance.below(12)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const qos = chance.pick([1, 2] as const);
        const name = `m${names++}`;
        // The host publishes at least once: where answers get lost, it does so at a node that loses none.
        const { broker } = options.faults ? { broker: publisher } : chance.pick(nodes);
        broker.publish({ topic: "t", payload: new TextEncoder().encode(name), qos }).then(
          () => void published.set(name, qos),
          () => {},
        );
        break;
      }
      case 4:
      case 5:
        await connect(member, chance.below(5) === 0);
        break;
      case 6:
        member.connection?.closed();
        member.connection = undefined;
        break;
      case 7:
        if (chance.below(3) > 0 || member.connection === undefined) break;
        given(member);
        member.connection.receive([{ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 0 }]);
        member.connection = undefined;
        break;
      case 8:
        if (!options.crashes || chance.below(4) > 0) break;
        hasCrashed = true;
        {
          const index = chance.below(nodes.length);
          nodes[index]?.kill();
          nodes[index] = start(`n${index}`);
        }
        break;
      case 9:
        await pass(chance.below(3_000));
        break;
      default:
        acknowledge(member);
    }
    if (chance.below(3) > 0) await rest();
  }
  isCalm = true;
  now = options.steps + 1;
  await pass(30_000);
  for (const member of members) {
    member.connection?.closed();
    await connect(member, false);
    await rest();
  }
  for (let round = 0; round < 200; round++) {
    for (const member of members) while (member.pending.length > 0) acknowledge(member);
    await pass(1_500);
    if (members.every(({ pending }) => pending.length === 0) && round > 10) break;
  }
  const left = (await store.directory.inspect(`\u0000${FILTER}`))?.queuedMessages ?? -1;
  for (const { broker } of nodes) await broker.shutdown();
  return {
    published,
    receipts,
    mayCountAsStarted: hasCrashed || hasTakenOver,
    left,
    mayHaveEnded: (clientId, session, by) => {
      const at = members.find((each) => each.clientId === clientId)?.given[session];
      return at !== undefined && at <= by;
    },
  };
}
