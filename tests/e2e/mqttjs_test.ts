import { mqttjs } from "./suites/mqttjs.ts";
import { DENO_KV } from "./support/broker_process.ts";

mqttjs(DENO_KV);
