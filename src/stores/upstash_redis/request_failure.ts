/**
 * What a failed request or command proves, told without showing what was sent.
 *
 * The client's own errors hold whole commands and bodies, so none of them is passed on: a new error takes the place of
 * each, with its kind and the server's first words.
 *
 * @module
 */
import type { ClientFacts } from "./client_facts.ts";

/** A failure. */
export interface Failure {
  /** Whether nothing of the command, or of the request, was carried out. */
  readonly certain: boolean;
  /** What was found, for a message. */
  readonly found: string;
  /** What the server or the platform said. */
  readonly cause?: unknown;
}

/**
 * Errors that come before a command begins. Redis also raises the first four inside a script, but only before the
 * script's first write: after that it lets the script finish.
 */
const BEFORE_ANY_WRITE = ["OOM", "READONLY", "MISCONF", "NOREPLICAS"];
const BEFORE_THE_COMMAND = [
  "LOADING",
  "BUSY",
  "MASTERDOWN",
  "NOAUTH",
  "WRONGPASS",
  "NOPERM",
  "CLUSTERDOWN",
  "MOVED",
  "ASK",
  "TRYAGAIN",
  "CROSSSLOT",
  "NOSCRIPT",
];

/** Errors without a code of their own that come before a script's first line is run. */
const BEFORE_THE_SCRIPT = /^ERR (error compiling script|unexpected (flag|engine) in script shebang|unknown command)/i;

/** Redis adds this to what a call inside a script answered. */
const INSIDE_A_SCRIPT = /script: [0-9a-f]{40}|user_script|failure in script|from script/i;

/** Requests that the server turns away whole, before it looks at their commands. */
const REQUEST_REFUSED =
  /^(ERR )?(WRONGPASS|NOAUTH|Unauthorized|max (daily |monthly )?requests? limit exceeded|max concurrent connections exceeded)/i;

/**
 * Said of requests, and of answers too: those come after the commands were carried out. The numbers tell which it was.
 */
const TOO_LARGE = /^(?:ERR )?max request size exceeded(?:[^]*?limit: (\d+))?/i;

/** Chromium says this of any failed fetch; a body this large under `keepalive` never leaves it. */
const CHROMIUM = "Failed to fetch";
const KEEPALIVE_BYTES = 65_536;
const BROWSERS = [CHROMIUM, "Load failed", "NetworkError when attempting to fetch resource."];

/** The answer to a script that insists on the flag of key locking. */
const FLAG_REFUSED = /unexpected flag in script shebang/i;
const FLAG_ADVICE = "the server refuses the flag that keyLocking insists on, so leave that option out";

/** What an error that one command answered proves. */
export function commandFailure(text: string, facts: ClientFacts): Failure {
  const code = /^[A-Z]{2,20}(?= |$)/.exec(text)?.[0] ?? "an error";
  const refused = BEFORE_ANY_WRITE.includes(code) ||
    BEFORE_THE_SCRIPT.test(text) ||
    BEFORE_THE_COMMAND.includes(code) && !INSIDE_A_SCRIPT.test(text);
  return {
    certain: refused && facts.once,
    found: FLAG_REFUSED.test(text) ? FLAG_ADVICE : `Redis answered ${code}`,
    cause: new Error(`Redis: ${clean(text, facts)}`),
  };
}

/** What the error of a whole request proves; `bodyBytes` is the size of what was sent. */
export function requestFailure(error: unknown, bodyBytes: number, facts: ClientFacts): Failure {
  const { name, message } = error instanceof Error ? error : { name: "", message: "" };
  const kind = /^[A-Za-z]{1,40}$/.test(name) ? name : "Error";
  // The body of the answer stands in its message, and could be anything.
  if (kind === "UpstashJSONParseError") return failure(false, "the answer is no JSON", kind);

  const said = clean(message, facts);
  if (kind === "UpstashError") {
    const words = firstWords(message);
    const tooLarge = TOO_LARGE.exec(words);
    const found = tooLarge === null ? "the server turned the request away" : "a request or its answer is too large";
    const refused = REQUEST_REFUSED.test(words) || bodyBytes > Number(tooLarge?.[1] ?? Infinity);
    return failure(refused && facts.once, found, `${kind}: ${said}`);
  }
  if (kind === "TypeError" && BROWSERS.includes(message) && bodyBytes > KEEPALIVE_BYTES && facts.keepAlive !== false) {
    const found = `a body of ${bodyBytes} bytes failed: browsers refuse more than 64 KiB under keepalive, ` +
      "so make the client with keepAlive: false";
    // Chromium has always refused these before sending, each attempt anew. Other browsers sent them once.
    return failure(facts.keepAlive === true && message === CHROMIUM, found, `${kind}: ${said}`);
  }
  const code = error instanceof Error ? codeOf(error.cause) ?? codeOf(error) : undefined;
  return failure(false, "the request failed", `${kind}: ${said}${code === undefined ? "" : ` (${code})`}`);
}

function failure(certain: boolean, found: string, said: string): Failure {
  return { certain, found, cause: new Error(said) };
}

/** Node names what went wrong with a connection in a code. */
function codeOf(error: unknown): string | undefined {
  const code: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" && /^[A-Z_]{2,40}$/.test(code) ? code : undefined;
}

/** A message up to where what was sent begins. */
function firstWords(message: string): string {
  const end = message.search(/, command was:|,? with args beginning/);
  return end < 0 ? message : message.slice(0, end);
}

/** The first words of a message, without what was sent and without where to. */
function clean(message: string, { secrets }: ClientFacts): string {
  let text = firstWords(message);
  for (const secret of secrets) text = text.replaceAll(secret, "…");
  return text
    .slice(0, 1_000)
    .replaceAll(/\bhttps?:\/\/[^\s)]+/gi, "…")
    .replaceAll(/\bBearer +\S+/gi, "…")
    // Redis quotes arguments.
    .replaceAll(/(['"`])[^]*?(?:\1|$)/g, "…")
    // Hosts and addresses, then whatever is too long for a word: a token, a digest.
    .replaceAll(/[\w-]+(?:\.[\w-]+)+(?::\d+)?/g, "…")
    .replaceAll(/[\w+/=-]{20,}/g, "…")
    .replaceAll(/[^\x20-\x7e…]+/g, " ")
    .slice(0, 200)
    .trim();
}
