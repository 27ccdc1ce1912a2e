/**
 * The soak in small: what it takes is counted in rounds, not in time.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describeCounts, messagesIn } from "../../soak/counts.ts";
import type { EngineName } from "../../soak/engine.ts";
import { soak } from "../../soak/soak.ts";
import { printedSeed } from "../support/random.ts";

/** Tests it over one kind of store. */
export function soakInSmall(engine: EngineName): void {
  const name = `${engine}: the oracle finds nothing in a short soak, and the soak comes to its end`;
  Deno.test(name, async () => {
    const lines: string[] = [];
    const counts = await soak({
      engine,
      seed: printedSeed(name),
      minutes: Infinity,
      epochMs: Infinity,
      rounds: 12,
      mostEpochs: 1,
      packetsPerFault: 60,
      mostFaults: 3,
      tempo: 0.05,
      leaseMs: 2_000,
      clients: { book: 5, mqttjs: 3, retained: 2 },
      print: (line) => lines.push(line),
    });
    assert.equal(counts.violations, 0, lines.join("\n"));
    const delivered = counts.delivered[0] + counts.delivered[1] + counts.delivered[2];
    assert.ok(messagesIn(counts) > 0 && delivered > 0, describeCounts(counts));
  });
}
