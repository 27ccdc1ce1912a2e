import type { AuthorizeQuestion, ResolvedOptions } from "./options.ts";
import { within } from "./within.ts";

/**
 * Asks the host. A verdict that is known at once comes at once, and what the host throws at once is thrown.
 *
 * @throws {SessionError} `OUTCOME_UNKNOWN` if it takes too long; and whatever the host throws or rejects with.
 */
export function askPermission(options: ResolvedOptions, question: AuthorizeQuestion): boolean | Promise<boolean> {
  const { authorize } = options;
  if (authorize === undefined) return true;
  const controller = new AbortController();
  const verdict = authorize(question, { signal: controller.signal });
  if (typeof verdict === "boolean") return verdict;
  return within(options.environment, options.authorizeTimeoutMs, "authorize", (signal) => {
    signal.addEventListener("abort", () => controller.abort(signal.reason), { once: true });
    return verdict;
  });
}

/** Asks the host for something that the client wants now: what throws or takes too long is a refusal. */
export function isAllowed(options: ResolvedOptions, question: AuthorizeQuestion): boolean | Promise<boolean> {
  const refused = (error: unknown): false => {
    options.observe({ type: "workFailed", work: "callback", clientId: question.clientId, error });
    return false;
  };
  try {
    const verdict = askPermission(options, question);
    return typeof verdict === "boolean" ? verdict : verdict.catch(refused);
  } catch (error) {
    return refused(error);
  }
}
