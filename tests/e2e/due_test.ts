import { due } from "./suites/due.ts";
import { DENO_KV } from "./support/broker_process.ts";

due(DENO_KV);
