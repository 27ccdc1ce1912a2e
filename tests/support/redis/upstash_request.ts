/**
 * What a request to Upstash's REST API asks for.
 *
 * @module
 */
import { nameOf } from "./command_keys.ts";
import type { HttpRequest } from "./http_reader.ts";
import { type Command, textOf } from "./resp_codec.ts";

/** How replies are written: as JSON, as JSON with strings in base64, or as Redis wrote them. */
export type ReplyFormat = "json" | "base64" | "resp2";

/** What a request asks for. */
export interface UpstashRequest {
  readonly kind: "command" | "pipeline" | "transaction" | "subscribe";
  readonly commands: readonly Command[];
  readonly format: ReplyFormat;
}

/** A request that is answered before any command is looked at. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What Upstash asks of requests. */
export interface Terms {
  readonly token: string;
  readonly maxRequestBytes: number;
}

/** What Upstash does not do over REST: what belongs to a connection, what waits, and what it keeps to itself. */
const UNSUPPORTED = new Set([
  ..."ASKING AUTH BGREWRITEAOF BGSAVE BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN CLIENT CLUSTER"
    .split(" "),
  ..."CONFIG DEBUG DISCARD EXEC FAILOVER HELLO LATENCY LOLWUT MIGRATE MODULE MONITOR MOVE MULTI PSUBSCRIBE PSYNC".split(
    " ",
  ),
  ..."PUNSUBSCRIBE QUIT READONLY READWRITE REPLICAOF RESET SAVE SELECT SHUTDOWN SLAVEOF SLOWLOG SUBSCRIBE SWAPDB SYNC"
    .split(" "),
  ..."UNSUBSCRIBE UNWATCH WAIT WATCH".split(" "),
]);

const METHODS = ["HEAD", "GET", "POST", "PUT"];

/** Reads a request; throws a {@link Refusal}. */
export function readRequest(request: HttpRequest, terms: Terms): UpstashRequest {
  if (!METHODS.includes(request.method)) throw new Refusal(405, "ERR method not allowed");
  const url = new URL(request.target, "http://localhost");
  const token = url.searchParams.get("_token") ?? /^Bearer (.*)$/.exec(request.headers.get("authorization") ?? "")?.[1];
  if (token !== terms.token) throw new Refusal(401, "WRONGPASS invalid or missing auth token");
  if (request.body.length > terms.maxRequestBytes) {
    const sizes = `Limit: ${terms.maxRequestBytes} bytes, Actual: ${request.body.length} bytes`;
    throw new Refusal(400, `ERR max request size exceeded. ${sizes}`);
  }
  const asked = readCommands(request, url);
  const format = readFormat(request.headers, asked.kind);
  if (asked.kind === "subscribe") return { ...asked, format };
  if (asked.kind !== "pipeline") {
    const refused = asked.commands.find(isUnsupported);
    if (refused !== undefined) throw new Refusal(400, unsupported(refused));
  }
  return { ...asked, format };
}

/** Whether Upstash offers no such command. */
export function isUnsupported(command: Command): boolean {
  return UNSUPPORTED.has(nameOf(command));
}

/** What it says about such a command. */
export function unsupported(command: Command): string {
  return `ERR Command is not available: '${textOf(command[0] ?? "")}'`;
}

function readFormat(headers: ReadonlyMap<string, string>, kind: UpstashRequest["kind"]): ReplyFormat {
  const format = headers.get("upstash-response-format") ?? "json";
  const base64 = headers.get("upstash-encoding") === "base64";
  if (format !== "json" && format !== "resp2") throw new Refusal(400, "ERR unknown response format");
  if (format === "resp2" && base64) throw new Refusal(400, "ERR base64 encoding is not allowed with resp2");
  if (format === "resp2" && kind !== "transaction") return "resp2";
  return base64 ? "base64" : "json";
}

function readCommands(request: HttpRequest, url: URL): Pick<UpstashRequest, "kind" | "commands"> {
  const path = url.pathname.split("/").slice(1).filter((part) => part !== "").map(decodeURIComponent);
  const [first, second] = path;
  if (first === undefined) return { kind: "command", commands: [readCommand(readJson(request.body))] };
  if (first === "pipeline") return { kind: "pipeline", commands: readList(request.body) };
  if (first === "multi-exec") return { kind: "transaction", commands: readList(request.body) };
  if (first === "subscribe" && second !== undefined) return { kind: "subscribe", commands: [["SUBSCRIBE", second]] };
  const command: (string | Uint8Array)[] = path;
  if (request.body.length > 0) command.push(request.body);
  for (const [name, value] of url.searchParams) {
    if (name !== "_token") command.push(name, ...value === "" ? [] : [value]);
  }
  return { kind: "command", commands: [command] };
}

function readList(body: Uint8Array): readonly Command[] {
  const rows = readJson(body);
  if (!Array.isArray(rows) || rows.length === 0) throw new Refusal(400, "ERR failed to parse pipeline request");
  return rows.map(readCommand);
}

function readJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(body));
  } catch {
    throw new Refusal(400, "ERR failed to parse command");
  }
}

function readCommand(row: unknown): Command {
  if (!Array.isArray(row) || row.length === 0) throw new Refusal(400, "ERR failed to parse command");
  return row.map((argument: unknown) => {
    if (!["string", "number", "boolean"].includes(typeof argument)) {
      throw new Refusal(400, "ERR failed to parse command");
    }
    return String(argument);
  });
}
