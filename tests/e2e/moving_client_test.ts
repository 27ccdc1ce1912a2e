import { movingClient } from "./suites/moving_client.ts";
import { DENO_KV } from "./support/broker_process.ts";

movingClient(DENO_KV);
