/** How long the store may take, and is asked again, in milliseconds. */
export const COMMIT = { timeoutMs: 1_000, repeatForMs: 4_000, repeatAfterMs: 50, maxBatches: 256 } as const;
