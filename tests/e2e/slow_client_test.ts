import { hastyClient, muteClient } from "./suites/slow_client.ts";
import { DENO_KV, MEMORY } from "./support/broker_process.ts";

muteClient(MEMORY);
hastyClient(DENO_KV);
