import { decodeRecord, RECORD_KIND, recordWriter } from "../encoding.ts";
import { readSubscription, writeSubscription } from "../records/message.ts";
import type { SubscriptionMatch } from "../../routing/resolve.ts";

/** Writes a routing row: a subscription as those find it who publish. */
export function encodeRoute(route: SubscriptionMatch): Uint8Array {
  const writer = recordWriter(RECORD_KIND.route).text(route.filter).text(route.clientId).text(route.incarnation);
  writeSubscription(writer, route.subscription);
  return writer.finish();
}

/** Reads a routing row. */
export function decodeRoute(key: string, bytes: Uint8Array): SubscriptionMatch {
  return decodeRecord(key, bytes, RECORD_KIND.route, (reader) => ({
    filter: reader.text(),
    clientId: reader.text(),
    incarnation: reader.text(),
    subscription: readSubscription(reader),
  }));
}

/** Writes the shapes in use. */
export function encodeShapes(shapes: readonly string[]): Uint8Array {
  const writer = recordWriter(RECORD_KIND.shapes).number(shapes.length);
  for (const shape of shapes) writer.text(shape);
  return writer.finish();
}

/** Reads the shapes in use. */
export function decodeShapes(key: string, bytes: Uint8Array): string[] {
  return decodeRecord(key, bytes, RECORD_KIND.shapes, (reader) => {
    const shapes: string[] = [];
    for (let left = reader.number(); left > 0; left--) shapes.push(reader.text());
    return shapes;
  });
}
