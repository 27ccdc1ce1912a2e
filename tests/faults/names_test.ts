import { names } from "./suites/names.ts";
import { STORES } from "./support/stores.ts";

for (const kind of STORES) names(kind);
