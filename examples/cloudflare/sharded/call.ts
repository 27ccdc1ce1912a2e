/**
 * How the objects of a tenant call each other. From outside nobody can: the worker lets nothing through but `/mqtt`.
 *
 * @module
 */
import type { BrokerMessage } from "@edge-mqtt/session";
import type { ObjectStub } from "../platform.ts";

/** To a shard: these messages are for your clients. */
export interface Take {
  readonly from: number;
  /** Which log the sequences are of. */
  readonly log: string;
  readonly messages: readonly (BrokerMessage & { readonly sequence: number })[];
}

/** To the routing object: clients of this shard want these filters from now on, or want them no more. */
export interface Want {
  readonly tenant: string;
  readonly shard: number;
  /** Higher than in all calls before: one that was given up, and comes late, is none. */
  readonly version: number;
  readonly filters: readonly string[];
  readonly isWanted: boolean;
}

/** To a shard: who else wants these filters, as one bit a shard. */
export interface Mirror {
  readonly version: number;
  readonly filters: readonly (readonly [filter: string, shards: number])[];
}

/** What is called, by its path. */
export interface Calls {
  readonly take: Take;
  readonly want: Want;
  readonly mirror: Mirror;
}

/** Calls another object; rejects unless that has done all that was asked. */
export async function call<Name extends keyof Calls>(stub: ObjectStub, name: Name, body: Calls[Name]): Promise<void> {
  const response = await stub.fetch(new Request(`https://object/${name}`, { method: "POST", body: write(body) }));
  await response.body?.cancel();
  if (!response.ok) throw new Error(`Another object of the tenant could not ${name}: ${response.status}`);
}

/** What a request calls; `undefined` for that of a client. */
export async function calledBy(request: Request): Promise<Partial<Calls> | undefined> {
  const name = new URL(request.url).pathname.slice(1);
  if (name !== "take" && name !== "want" && name !== "mirror") return undefined;
  return { [name]: JSON.parse(await request.text(), (_, value) => bytesOf(value)) };
}

/** As JSON, in which bytes are base64. */
function write(body: unknown): string {
  return JSON.stringify(body, (_, value) => value instanceof Uint8Array ? { base64: base64(value) } : value);
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function bytesOf(value: { readonly base64?: unknown } | null): unknown {
  if (typeof value?.base64 !== "string") return value;
  return Uint8Array.from(atob(value.base64), (letter) => letter.charCodeAt(0));
}
