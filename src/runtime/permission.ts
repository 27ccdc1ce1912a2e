import type { AuthorizeQuestion, ResolvedOptions } from "./options.ts";
import { within } from "./within.ts";

/** Asks the host. A verdict that is known at once comes at once; what throws or takes too long is a refusal. */
export function isAllowed(options: ResolvedOptions, question: AuthorizeQuestion): boolean | Promise<boolean> {
  const { authorize } = options;
  if (authorize === undefined) return true;
  const controller = new AbortController();
  let verdict: boolean | Promise<boolean>;
  try {
    verdict = authorize(question, { signal: controller.signal });
  } catch (error) {
    return refused(options, question, error);
  }
  if (typeof verdict === "boolean") return verdict;
  const pending = verdict;
  return within(options.environment, options.authorizeTimeoutMs, "authorize", (signal) => {
    signal.addEventListener("abort", () => controller.abort(signal.reason), { once: true });
    return pending;
  }).catch((error) => refused(options, question, error));
}

function refused(options: ResolvedOptions, question: AuthorizeQuestion, error: unknown): false {
  options.observe({ type: "workFailed", work: "callback", clientId: question.clientId, error });
  return false;
}
