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
