import { crash } from "./suites/crash.ts";
import { due } from "./suites/due.ts";
import { mqttjs } from "./suites/mqttjs.ts";
import { retained } from "./suites/retained.ts";
import { forgetfulWorker } from "./support/worker_process.ts";

mqttjs(forgetfulWorker(0.5), { messages: 100, kills: 4 });
// Its queues are long, and whoever wakes reads a page of them.
crash(forgetfulWorker(0.05), { perLevel: 150, kills: 4 });
retained(forgetfulWorker(0.5));
due(forgetfulWorker(1));
