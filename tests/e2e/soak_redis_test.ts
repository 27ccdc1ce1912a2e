import { soakInSmall } from "./suites/soak.ts";

soakInSmall("upstash");
