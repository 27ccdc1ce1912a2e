/**
 * What a month costs at Upstash's price, beside the peer's commands on the same kind of server.
 *
 * @module
 */
import { REDIS_COSTS, UPSTASH_USD_PER_100_000 } from "../../support/redis/costs.ts";
import { costOf, type Load, usdOf } from "../cost_model.ts";
import type { Rig } from "./rig.ts";

/** A line of the bill. */
export interface BillRow {
  readonly what: string;
  readonly ours: number;
  readonly peer: number | undefined;
  readonly note: string;
}

const MILLION = 1_000_000;
const MONTH: Load = { messages: 0, sessions: 10_000, connects: 0, idleDays: 30 };

/** Reckons our bill from the numbers that the tests check, and the peer's from its commands for a message. */
export async function benchBill(rig: Rig): Promise<readonly BillRow[]> {
  const ours = (load: Load) => costOf("upstash", load).commands;
  const message = await peerMessage(rig);
  const million = { messages: MILLION, sessions: 1, connects: 0 };
  const polls = ours(MONTH) - ours({ ...MONTH, pollMs: 0 });
  const share = `${(100 * polls / ours(MONTH)).toFixed(0)} % of it are looks at the doorbell`;
  return [
    {
      what: "1 000 000 messages QoS 1 to one connected subscriber, each on its own",
      ours: ours(million),
      peer: message * MILLION,
      note: `PUBLISH ${REDIS_COSTS.publishHere.commands}, PUBACK ${REDIS_COSTS.acknowledge.commands}; ` +
        "the publisher's guard and the subscriber's are part of it, which the peer has not",
    },
    {
      what: "the same, 10 to a commit",
      ours: ours({ ...million, together: 10 }),
      peer: message * MILLION,
      note: "messages that come while a commit is under way share the next one",
    },
    { what: "the same, 100 to a commit", ours: ours({ ...million, together: 100 }), peer: message * MILLION, note: "" },
    { what: "10 000 idle connected sessions, one node, 30 days", ours: ours(MONTH), peer: 0, note: share },
    {
      what: "the same, doorbellPollMs: 30 000",
      ours: ours({ ...MONTH, pollMs: 30_000 }),
      peer: 0,
      note: "the peer has no lease: who is connected, and what a node leaves that dies, is known to nobody",
    },
    {
      what: "the same, doorbellPollMs: 0 for a node that is alone",
      ours: ours({ ...MONTH, pollMs: 0 }),
      peer: 0,
      note: "",
    },
    { what: "the same, three nodes", ours: ours({ ...MONTH, nodes: 3 }), peer: 0, note: "" },
  ];
}

/** The peer's commands for a message at QoS 1 to a connected subscriber, acknowledged; counted over some messages. */
async function peerMessage(rig: Rig): Promise<number> {
  await rig.flush();
  const peer = await rig.peer();
  const session = { clientId: "a", topic: "to/a" };
  try {
    await peer.connectedSessions([session.clientId], () => [session.topic]);
    await peer.usage();
    const count = 10;
    for (let index = 0; index < count; index++) await peer.exchange([session]);
    const { commands } = await peer.usage();
    return commands / count;
  } finally {
    await peer.close();
    await rig.flush();
  }
}

/** Prints it. */
export function printBill(rows: readonly BillRow[]): void {
  console.log(
    `bill at ${UPSTASH_USD_PER_100_000.toFixed(2)} USD for 100 000 commands`.padEnd(74) + "commands".padStart(14) +
      "ours".padStart(12) + "peer".padStart(12),
  );
  for (const { what, ours, peer, note } of rows) {
    const usd = (commands: number) => `${usdOf(commands).toFixed(2)} USD`.padStart(12);
    const beside = peer === undefined ? "-".padStart(12) : usd(peer);
    console.log(`${what.padEnd(74)}${ours.toLocaleString("en").padStart(14)}${usd(ours)}${beside}  ${note}`);
  }
}
