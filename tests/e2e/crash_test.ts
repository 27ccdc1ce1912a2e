import { crash } from "./suites/crash.ts";
import { DENO_KV } from "./support/broker_process.ts";

crash(DENO_KV);
