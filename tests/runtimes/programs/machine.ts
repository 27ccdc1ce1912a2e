import {
  applyChanges,
  type Event,
  openSession,
  type SessionSnapshot,
  snapshot,
  step,
} from "@edge-mqtt/session/machine";
import { check, checkSame } from "./support/check.ts";

/** A connection subscribes and is lost; what the machine said it changed is what the session has become. */
export function run(): void {
  const session = openSession(undefined, { role: "server" });
  const acquired: SessionSnapshot = {
    clientId: "c1",
    incarnation: "i1",
    head: {
      protocolVersion: 5,
      attached: true,
      connectedAt: 1_000,
      sessionExpiryInterval: 60,
      onTakeover: "discard",
      sentLimit: 0,
    },
    subscriptions: new Map(),
    outbound: new Map(),
    inbound: new Set(),
    quarantine: new Set(),
  };
  const subscription = { filter: "a/#", qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  const connect = {
    type: "connect",
    protocolVersion: 5,
    clientId: "c1",
    cleanStart: false,
    keepAlive: 60,
    sessionExpiryInterval: 60,
  } as const;
  const events: readonly Event[] = [
    { type: "connectionOpened" },
    { type: "packetReceived", packet: connect },
    { type: "authenticated", clientId: "c1", assigned: false },
    {
      type: "sessionAcquired",
      snapshot: acquired,
      resumed: false,
      startedThrough: 0,
      messages: [],
      through: 0,
      tail: 0,
    },
    { type: "packetReceived", packet: { type: "subscribe", packetId: 1, subscriptions: [subscription] } },
    { type: "subscribeAuthorized", ref: 1, verdicts: [1] },
    { type: "connectionClosed" },
  ];
  const asked: string[] = [];
  const done: string[] = [];
  let mirror = acquired;
  for (const event of events) {
    const { requests, changes, effects } = step(session, event, 2_000);
    asked.push(...requests.map(({ type }) => type));
    done.push(...effects.map((effect) => effect.type === "sendPacket" ? effect.packet.type : effect.type));
    mirror = applyChanges(mirror, changes) ?? mirror;
  }
  checkSame(asked, ["authenticate", "acquire", "authorizeSubscribe"], "what was asked");
  check(done.includes("connack") && done.includes("suback"), `what was done: ${done}`);
  checkSame(mirror.subscriptions.size, 1, "subscriptions");
  checkSame(mirror.head.disconnectedAt, 2_000, "when its connection was lost");
  checkSame(snapshot(session)?.head, mirror.head, "what has become of it");
}
