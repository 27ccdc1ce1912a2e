import { soakInSmall } from "./suites/soak.ts";

soakInSmall("deno-kv");
soakInSmall("memory");
