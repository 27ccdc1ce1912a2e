/**
 * How large requests are, before they are sent, and where to divide them.
 *
 * @module
 */

const encoder = new TextEncoder();

/** How many bytes a text takes in JSON, its quotes included. */
export function jsonBytes(text: string): number {
  // Visible ASCII stands for itself, but for these two; that is all that ever comes, and may be megabytes.
  if (!/[^\x20-\x7e]|["\\]/.test(text)) return text.length + 2;
  return encoder.encode(JSON.stringify(text)).length;
}

/** How many bytes texts take as further items of a JSON array. */
export function itemsBytes(texts: readonly string[]): number {
  let bytes = 0;
  for (const text of texts) bytes += 1 + jsonBytes(text);
  return bytes;
}

/** How many bytes the body of a request takes that holds commands of these sizes. */
export function bodyBytes(sizes: readonly number[]): number {
  let bytes = 1;
  for (const size of sizes) bytes += size + 1;
  return bytes;
}

/** Divides commands, in order, into as few requests as the limits allow. */
export function divide<Item extends { readonly bytes: number }>(
  items: readonly Item[],
  limits: { readonly maxBytes: number; readonly maxCommands: number },
): Item[][] {
  const requests: Item[][] = [];
  let request: Item[] = [];
  let bytes = bodyBytes([]);
  for (const item of items) {
    if (request.length > 0 && (request.length >= limits.maxCommands || bytes + item.bytes + 1 > limits.maxBytes)) {
      requests.push(request);
      request = [];
      bytes = bodyBytes([]);
    }
    request.push(item);
    bytes += item.bytes + 1;
  }
  if (request.length > 0) requests.push(request);
  return requests;
}
