import { twoBrokers } from "./suites/two_brokers.ts";
import { DENO_KV } from "./support/broker_process.ts";

twoBrokers(DENO_KV);
