import { atMostOnce, refusedPublish } from "./suites/at_most_once.ts";
import { STORES } from "./support/stores.ts";

for (const kind of STORES) {
  atMostOnce(kind);
  refusedPublish(kind);
}
