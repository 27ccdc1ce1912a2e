/** Digests take no time: those of the platform come from another thread, at a moment that no seed decides. */
import { createHash } from "node:crypto";

/** Runs something while digests are answered at once. */
export async function withDigestsAtOnce<Result>(run: () => Promise<Result>): Promise<Result> {
  const digest = (algorithm: AlgorithmIdentifier, data: BufferSource): Promise<ArrayBuffer> => {
    const name = typeof algorithm === "string" ? algorithm : algorithm.name;
    const bytes = ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : data;
    const hash = createHash(name.replace("-", "").toLowerCase()).update(new Uint8Array(bytes)).digest();
    return Promise.resolve(new Uint8Array(hash).buffer);
  };
  // It hides the method of the prototype, which is there again once it goes.
  Object.defineProperty(crypto.subtle, "digest", { value: digest, configurable: true });
  try {
    return await run();
  } finally {
    Reflect.deleteProperty(crypto.subtle, "digest");
  }
}
