/**
 * The programs in `workerd`: a request brings the surroundings, the answer tells the outcomes.
 *
 * @module
 */
import { useAll } from "./entry_points.ts";

export { SessionObject } from "./durable_object.ts";

export default {
  async fetch(request: Request, bindings: Readonly<Record<string, unknown>>): Promise<Response> {
    return Response.json(await useAll("workerd", { ...await request.json(), bindings }));
  },
};
