import { secrets } from "./suites/secrets.ts";
import { BYTE_STORES } from "./support/stores.ts";

for (const kind of BYTE_STORES) secrets(kind);
