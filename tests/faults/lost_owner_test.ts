import { lostOwner } from "./suites/lost_owner.ts";
import { STORES } from "./support/stores.ts";

for (const kind of STORES) lostOwner(kind);
