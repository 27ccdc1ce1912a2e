/**
 * What pages run: ownership by Web Locks, asked for by name.
 *
 * @module
 */
import { type SoleOwner, soleOwner, type WhenOwned } from "../../../src/runtime/sole_owner.ts";

/** What this page owns, or waits for. */
const owners = new Map<string, Promise<SoleOwner | undefined>>();

/** Asks to own; how it was answered. */
export async function own(name: string, whenOwned: WhenOwned): Promise<string> {
  ask(name, whenOwned);
  return await answer(name);
}

/** Asks to own, and waits for no answer. */
export function ask(name: string, whenOwned: WhenOwned): void {
  owners.set(name, soleOwner(name, { whenOwned }).then((owner) => owner.outcome === "owned" ? owner : undefined));
}

/** How it was answered. */
export async function answer(name: string): Promise<string> {
  return await owners.get(name) === undefined ? "refused" : "owned";
}

/** Whether it is still owned. */
export async function isOwned(name: string): Promise<boolean> {
  const owner = await owners.get(name);
  return owner !== undefined && !owner.lost.aborted;
}

/** Why it was lost, once it is. */
export async function whyLost(name: string): Promise<string> {
  const lost = (await owners.get(name))?.lost;
  if (lost !== undefined && !lost.aborted) await new Promise((resolve) => lost.addEventListener("abort", resolve));
  return String(lost?.reason);
}

/** Lets go. */
export async function release(name: string): Promise<void> {
  await (await owners.get(name))?.release();
}
