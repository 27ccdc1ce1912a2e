/**
 * The end of a session, whoever had it: what it leaves behind is the store's.
 *
 * @module
 */
import { keptFor, type Version, WireClient } from "../e2e/support/wire_client.ts";

const ATTEMPTS = 20;
const RETRY_MS = 500;

/** Ends the session of a client by a clean start that keeps nothing. A broker that is busy is asked again. */
export async function endSession(url: () => string | undefined, clientId: string, version: Version): Promise<void> {
  let reason: unknown;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      const { client } = await WireClient.connect(url() ?? "", version, {
        clientId,
        ...keptFor(version, 0),
        clean: true,
      });
      return await client.disconnect();
    } catch (error) {
      reason = error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
  throw new Error(`Cannot end the session of ${clientId}`, { cause: reason });
}
