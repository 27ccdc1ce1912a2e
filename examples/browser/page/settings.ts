/// <reference lib="dom" />
/**
 * What the page remembers besides the session: who it is, and whether it wants to be connected. No secret is among it.
 *
 * @module
 */

/** Who the page is for the broker. */
export interface Identity {
  readonly clientId: string;
  /** In seconds. */
  readonly sessionExpiryInterval: number;
  /** In seconds. */
  readonly keepAlive: number;
}

const IDENTITY = "edge-mqtt.identity";
const CONNECTED = "edge-mqtt.connected";

/** Who the page was the last time, or somebody new. */
export function storedIdentity(): Identity {
  const identity = { clientId: newClientId(), sessionExpiryInterval: 3_600, keepAlive: 30 };
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(IDENTITY) ?? "null");
    if (typeof stored !== "object" || stored === null) return identity;
    const { clientId, sessionExpiryInterval, keepAlive } = stored as Partial<Record<keyof Identity, unknown>>;
    return {
      clientId: typeof clientId === "string" && clientId !== "" ? clientId : identity.clientId,
      sessionExpiryInterval: isCount(sessionExpiryInterval) ? sessionExpiryInterval : identity.sessionExpiryInterval,
      keepAlive: isCount(keepAlive) ? keepAlive : identity.keepAlive,
    };
  } catch {
    // Storage that is switched off, or not ours: the page begins anew.
    return identity;
  }
}

/** A name that no other page has. `randomUUID` would be shorter, and is not there without HTTPS. */
function newClientId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(4));
  return `page-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** Remembers who the page is. */
export function storeIdentity(identity: Identity): void {
  tryStoring(() => localStorage.setItem(IDENTITY, JSON.stringify(identity)));
}

/** Whether this tab was connected, or trying, when it was left: a reload goes on. */
export function wasConnected(): boolean {
  try {
    return sessionStorage.getItem(CONNECTED) !== null;
  } catch {
    return false;
  }
}

/** Remembers for this tab whether it wants to be connected. */
export function storeConnected(isWanted: boolean): void {
  tryStoring(() => isWanted ? sessionStorage.setItem(CONNECTED, "1") : sessionStorage.removeItem(CONNECTED));
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}

function tryStoring(store: () => void): void {
  try {
    store();
  } catch {
    // Where nothing can be stored, a reload begins anew.
  }
}
