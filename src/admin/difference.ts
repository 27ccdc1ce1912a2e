import type { SessionImage } from "../store/maintenance.ts";

/** How one image of a session differs from another, a line each: `-` what only the first has, `+` what only the second has. */
export function differencesOf(present: SessionImage, imported: SessionImage): string[] {
  const found: string[] = [];
  const values = (what: string, a: unknown, b: unknown): void => {
    const [first, second] = [shown(a), shown(b)];
    if (first !== second) found.push(`${what}: ${first} → ${second}`);
  };
  const sets = (what: string, a: Iterable<string>, b: Iterable<string>): void => {
    const [first, second] = [new Set(a), new Set(b)];
    for (const each of first) if (!second.has(each)) found.push(`${what}: - ${each}`);
    for (const each of second) if (!first.has(each)) found.push(`${what}: + ${each}`);
  };
  const [a, b] = [present.snapshot, imported.snapshot];
  values("incarnation", a.incarnation, b.incarnation);
  for (const name of [...new Set([...Object.keys(a.head), ...Object.keys(b.head)])].sort()) {
    // Both are heads; a name that one lacks stands for nothing there.
    values(name, a.head[name as keyof typeof a.head], b.head[name as keyof typeof b.head]);
  }
  sets("subscription", entriesOf(a.subscriptions), entriesOf(b.subscriptions));
  sets("exchange", entriesOf(a.outbound), entriesOf(b.outbound));
  sets("inbound identifier", [...a.inbound].map(String), [...b.inbound].map(String));
  sets("quarantined identifier", [...a.quarantine].map(String), [...b.quarantine].map(String));
  values("Will", a.will?.topic, b.will?.topic);
  values("tail of the log", present.tail, imported.tail);
  values("principal", present.principal, imported.principal);
  sets("dropped", Object.entries(present.dropped).map(String), Object.entries(imported.dropped).map(String));
  return found;
}

function entriesOf(map: ReadonlyMap<string | number, object>): string[] {
  return Array.from(map, ([key, value]) => `${key} ${JSON.stringify(value, Object.keys(value).sort())}`);
}

function shown(value: unknown): string {
  return value === undefined ? "none" : String(value);
}
