/** Far more than any test takes on a slow machine. */
const STUCK_MS = 120_000;

/** The outcome of a promise that would wait for ever if the broker lost something: then it fails and says so. */
export async function unlessStuck<Value>(what: string, outcome: Promise<Value>): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stuck = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Stuck: ${what}`)), STUCK_MS);
  });
  try {
    return await Promise.race([outcome, stuck]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * As {@linkcode unlessStuck}, of something that may take longer than that by far: it is stuck once nothing has moved for that
 * long, as `progress` tells.
 */
export async function unlessStill<Value>(
  what: string,
  outcome: Promise<Value>,
  progress: () => Promise<number>,
): Promise<Value> {
  const settled = outcome.then(() => true, () => true);
  for (let [before, now] = [-1, await progress()]; now !== before; [before, now] = [now, await progress()]) {
    const ended = await unlessStuck(what, settled).catch(() => false);
    if (ended) return await outcome;
  }
  throw new Error(`Stuck: ${what}`);
}
