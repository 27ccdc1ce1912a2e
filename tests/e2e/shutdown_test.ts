import { shutdown } from "./suites/shutdown.ts";
import { DENO_KV } from "./support/broker_process.ts";

shutdown(DENO_KV);
