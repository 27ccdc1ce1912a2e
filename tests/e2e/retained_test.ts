import { retained } from "./suites/retained.ts";
import { DENO_KV } from "./support/broker_process.ts";

retained(DENO_KV);
