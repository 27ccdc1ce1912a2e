/**
 * Administration from a command line: `deno run -A --unstable-kv jsr:@edge-mqtt/session/cli --help`.
 *
 * It works over the store alone, whether brokers run or not. It exits with 0 when it did what was asked, with 1 when there
 * was nothing to do it to or something was found, with 2 when the command line cannot be meant so, and with 3 when the store
 * failed.
 *
 * @module
 */
import { runCommand } from "./cli/command.ts";
import { denoHost } from "./cli/host.ts";

if (import.meta.main) await denoHost((host, args) => runCommand(host, args));
