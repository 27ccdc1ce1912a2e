import { memoryRetained, memoryStore } from "../../../../src/stores/memory.ts";
import { runSuite } from "./support/suite.ts";

runSuite(() => Promise.resolve({ store: memoryStore(), retained: memoryRetained() }));
