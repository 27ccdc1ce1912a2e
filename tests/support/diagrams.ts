/**
 * `deno task diagrams`: draws the README's state diagrams from the tables that decide; `--check` only says whether they
 * are stale.
 *
 * @module
 */
import { readFile, writeFile } from "node:fs/promises";
import {
  ACQUIRE_TABLE,
  type AcquireCondition,
  CLIENT_TABLE,
  type ClientLifecycleEvent,
  type ClientRow,
  ENDING_TABLE,
  type EndingEvent,
  type EndingRow,
  INBOUND_TABLE,
  type InboundEvent,
  type InboundRow,
  OUTBOUND_TABLE,
  type OutboundEvent,
  type OutboundRow,
} from "../../src/machine/mod.ts";
import { PROJECT_ROOT } from "./deno.ts";

/** One way from a state to another; `[*]` is outside. */
interface Edge {
  readonly from: string;
  readonly to: string;
  readonly row: string;
  readonly says: string;
}

const CONNECTS: Readonly<Record<AcquireCondition, string>> = {
  any: "CONNECT",
  goesOn: "CONNECT, resumed",
  hasEnded: "CONNECT, old session has ended",
  cleanStart: "CONNECT, Clean Start",
};

const ENDS: Readonly<Record<EndingEvent, string>> = {
  connectRefused: "CONNECT refused",
  disconnectNormal: "DISCONNECT 0x00",
  disconnectWithWill: "DISCONNECT, other code",
  disconnectInvalid: "DISCONNECT, not valid",
  connectionLost: "connection lost",
  superseded: "taken over, goes on elsewhere",
  endRequested: "ended by an administrator",
  ownerLost: "node lost",
  willDue: "Will due",
  expiryDue: "expired",
};

const OUTBOUND: Readonly<Record<OutboundEvent, string>> = {
  drainQoS0: "its turn, QoS 0",
  drainQoS1: "its turn, QoS 1",
  drainQoS2: "its turn, QoS 2",
  drainExpired: "expired",
  drainTooLarge: "too large",
  drainBlocked: "no quota or identifier",
  puback: "PUBACK",
  pubackFailure: "PUBACK, failure",
  pubrec: "PUBREC",
  pubrecFailure: "PUBREC, failure",
  pubcomp: "PUBCOMP",
  connectionClosed: "connection closed",
  resume: "resumed",
  resumeTooLarge: "resumed, too large",
  expiryPassed: "expiry passes",
  sessionEnded: "session ended",
};

const SENDS: Readonly<Record<NonNullable<OutboundRow["sends"]>, string>> = {
  publish: "PUBLISH",
  publishDup: "PUBLISH, DUP 1",
  pubrel: "PUBREL",
  pubrelNotFound: "PUBREL 0x92",
};

const INBOUND: Readonly<Record<InboundEvent, string>> = {
  publishOverLimit: "PUBLISH over Receive Maximum",
  publishRefused: "PUBLISH refused, 5.0",
  publishRefusedV311: "PUBLISH refused, 3.1.1",
  publishAccepted: "PUBLISH accepted",
  publishQoS2Repeated: "PUBLISH again, QoS 2",
  publishQoS1SameId: "PUBLISH, QoS 1",
  pubrel: "PUBREL",
  connectionClosed: "connection closed",
  sessionEnded: "session ended",
};

const ANSWERS: Readonly<Record<NonNullable<InboundRow["answers"]>, string>> = {
  pubrec: "PUBREC",
  pubrecRefusal: "PUBREC, failure",
  pubcomp: "PUBCOMP",
  pubcompNotFound: "PUBCOMP 0x92",
  pubackInUse: "PUBACK 0x91",
};

const CLIENT: Readonly<Record<ClientLifecycleEvent, string>> = {
  connectClean: "to connect clean",
  connect: "to connect",
  connectExpired: "to connect, own interval is over",
  connectCleanPending: "to connect, no session exists",
  acceptedWithoutState: "Session Present 0, as expected",
  acceptedNew: "Session Present 0, session lost",
  acceptedPresent: "Session Present 1",
  acceptedUnexpectedly: "Session Present 1, unknown",
  refused: "CONNACK refuses",
  connectionClosed: "connection closed",
  requested: "to publish or subscribe: waits",
  disconnected: "to disconnect",
  disconnectInvalid: "to disconnect, interval raised from 0: refused",
  protocolError: "protocol error",
};

/** The Mermaid text of every diagram, by the name in its markers. */
export function diagrams(): Readonly<Record<string, string>> {
  return {
    lifecycle: draw({ absent: "absent", attached: "attached", detached: "detached" }, lifecycleEdges()),
    client: draw({ idle: "offline", connecting: "connecting", online: "online" }, clientEdges()),
    outbound: draw({
      queued: "queued",
      awaitPuback: "awaits PUBACK",
      awaitPubrec: "awaits PUBREC",
      awaitPubcomp: "awaits PUBCOMP",
      none: "no such entry",
    }, [{ from: "[*]", to: "queued", row: "", says: "appended to the log" }, ...outboundEdges()]),
    inbound: draw({ free: "identifier free", unreleased: "unreleased" }, inboundEdges()),
  };
}

/** A text with each diagram between its markers drawn anew. Throws when the text lacks a marker. */
export function withDiagrams(text: string): string {
  let drawn = text;
  for (const [name, diagram] of Object.entries(diagrams())) {
    const [before, after] = [`<!-- diagram:${name} -->`, `<!-- /diagram:${name} -->`];
    const start = drawn.indexOf(before);
    const end = drawn.indexOf(after);
    if (start < 0 || end < start) throw new Error(`Cannot draw the diagram "${name}": its markers are not there`);
    const head = drawn.slice(0, start + before.length);
    drawn = `${head}\n\n\`\`\`mermaid\n${diagram}\`\`\`\n\n${drawn.slice(end)}`;
  }
  return drawn;
}

function lifecycleEdges(): readonly Edge[] {
  const edges: Edge[] = [];
  for (const [from, rows] of Object.entries(ACQUIRE_TABLE)) {
    for (const [condition, { row }] of Object.entries(rows)) {
      edges.push({ from, to: "attached", row, says: CONNECTS[condition as AcquireCondition] });
    }
  }
  for (const [from, rows] of Object.entries(ENDING_TABLE)) {
    const ended: string[] = [];
    for (const [event, { row, next }] of Object.entries(rows) as [EndingEvent, EndingRow][]) {
      const to = next === "same" || next === "lost" ? from : next;
      edges.push({ from, to, row, says: ENDS[event] });
      if (from === "attached" && to === "detached") ended.push(row);
    }
    if (ended.length > 0) edges.push({ from, to: "absent", row: ended.join(", "), says: "with interval 0" });
  }
  return edges;
}

function clientEdges(): readonly Edge[] {
  return Object.entries(CLIENT_TABLE).flatMap(([from, rows]) =>
    (Object.entries(rows) as [ClientLifecycleEvent, ClientRow][]).map(([event, row]) => ({
      from,
      to: row.next,
      row: row.row,
      says: `${CLIENT[event]}${doesOf(row)}`,
    }))
  );
}

function doesOf({ sendsCleanStart, forgets, resends, closes }: ClientRow): string {
  const does = [
    ...(forgets === "always" ? ["forgets"] : forgets === "intervalZero" ? ["forgets if the interval is 0"] : []),
    ...(sendsCleanStart === undefined ? [] : [`CONNECT, Clean Start ${sendsCleanStart ? 1 : 0}`]),
    ...(resends === undefined ? [] : ["resends"]),
    ...(closes === undefined ? [] : [`close 0x${closes.toString(16)}`]),
  ];
  return does.length === 0 ? "" : ` → ${does.join(", ")}`;
}

function outboundEdges(): readonly Edge[] {
  return Object.entries(OUTBOUND_TABLE).flatMap(([from, rows]) =>
    (Object.entries(rows) as [OutboundEvent, OutboundRow][]).map(([event, { row, next, sends }]) => ({
      from,
      to: next === "done" ? "[*]" : next,
      row,
      says: withAnswer(OUTBOUND[event], sends === undefined ? undefined : SENDS[sends]),
    }))
  );
}

function inboundEdges(): readonly Edge[] {
  return Object.entries(INBOUND_TABLE).flatMap(([from, rows]) =>
    (Object.entries(rows) as [InboundEvent, InboundRow][]).map(([event, { row, next, answers, closes }]) => ({
      from,
      to: next,
      row,
      says: withAnswer(
        INBOUND[event],
        closes === undefined ? answers === undefined ? undefined : ANSWERS[answers] : "close 0x93",
      ),
    }))
  );
}

function withAnswer(event: string, answer: string | undefined): string {
  return answer === undefined ? event : `${event} → ${answer}`;
}

/** One arrow for all rows between the same two states, with a line for each. */
function draw(states: Readonly<Record<string, string>>, edges: readonly Edge[]): string {
  const arrows = new Map<string, string[]>();
  for (const { from, to, row, says } of edges) {
    const arrow = `${from} --> ${to}`;
    arrows.set(arrow, [...arrows.get(arrow) ?? [], `${row} ${says}`.trim()]);
  }
  const lines = ["stateDiagram-v2"];
  for (const [state, title] of Object.entries(states)) lines.push(`  state "${title}" as ${state}`);
  for (const [arrow, labels] of arrows) lines.push(`  ${arrow}: ${labels.join("<br/>")}`);
  return `${lines.join("\n")}\n`;
}

if (import.meta.main) {
  const readme = new URL("README.md", PROJECT_ROOT);
  const text = await readFile(readme, "utf8");
  const drawn = withDiagrams(text);
  if (drawn === text) {
    console.log("The diagrams of README.md are up to date.");
  } else if (Deno.args.includes("--check")) {
    console.log("The diagrams of README.md are stale: run `deno task diagrams`.");
    Deno.exit(1);
  } else {
    await writeFile(readme, drawn);
    console.log("Drew the diagrams of README.md anew.");
  }
}
