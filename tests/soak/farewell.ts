/**
 * The end of an epoch's sessions and of what it had retained: what is left behind is the store's.
 *
 * @module
 */
import { keptFor, type Version, WireClient } from "../e2e/support/wire_client.ts";

const ATTEMPTS = 20;
const RETRY_MS = 500;

/** Ends the session of a client by a clean start that keeps nothing. A broker that is busy is asked again. */
export async function endSession(url: () => string | undefined, clientId: string, version: Version): Promise<void> {
  await insist(`end the session of ${clientId}`, async () => {
    const { client } = await connectOnce(url, clientId, version);
    await client.disconnect();
  });
}

/** Removes what is retained under these topics. */
export async function forgetRetained(url: () => string | undefined, topics: readonly string[]): Promise<void> {
  await insist("forget what is retained", async () => {
    const { client } = await connectOnce(url, "farewell", 5);
    for (const [index, topic] of topics.entries()) {
      const messageId = index + 1;
      client.send({ cmd: "publish", topic, payload: "", qos: 1, retain: true, dup: false, messageId });
      const answer = await client.next();
      if (answer.cmd !== "puback") throw new Error(`Cannot remove what is retained of ${topic}: got ${answer.cmd}`);
    }
    await client.disconnect();
  });
}

function connectOnce(url: () => string | undefined, clientId: string, version: Version) {
  return WireClient.connect(url() ?? "", version, { clientId, ...keptFor(version, 0), clean: true });
}

async function insist(what: string, attempt: () => Promise<void>): Promise<void> {
  let reason: unknown;
  for (let left = ATTEMPTS; left > 0; left--) {
    try {
      return await attempt();
    } catch (error) {
      reason = error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
  throw new Error(`Cannot ${what}`, { cause: reason });
}
