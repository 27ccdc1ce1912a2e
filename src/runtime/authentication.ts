/**
 * Who is this? The host decides, in as many steps as its method takes; what is said in between is not kept.
 *
 * @module
 */
import type {
  Authenticated,
  AuthenticationContinued,
  AuthenticationRefused,
  Event,
  Reauthenticated,
} from "../machine/event.ts";
import type { AuthenticateRequest, AuthenticateStepRequest, ReauthenticateRequest } from "../machine/request.ts";
import type { ConnectPacket } from "../mqtt/packet.ts";
import * as REASON from "../mqtt/reason.ts";
import type { BrokerContext } from "./context.ts";
import type {
  Authentication,
  AuthenticationAccepted,
  AuthenticationDenied,
  AuthenticationStep,
  PrincipalQuota,
} from "./options.ts";
import { checkConnectionLimits, checkQuota } from "./options_schema.ts";
import { isAllowed } from "./permission.ts";
import { requireQuota } from "./resolve_options.ts";
import { untilAborted } from "./within.ts";

/** The connection, as its authentication sees it. */
export interface AuthenticationOwner {
  readonly clientId: string;
  /** Whom the session belongs to, as the host said. */
  principal: string | undefined;
  /** How much the sessions of that one may hold. */
  quota: PrincipalQuota | undefined;
  /** The answer takes a while: no packet is taken before it. */
  waitForVerdict(): void;
  answer(event: Event): void;
  tell(event: Event): void;
}

type Answered = Authenticated | AuthenticationContinued | AuthenticationRefused | Reauthenticated;

/** Puts the questions of one connection to the host, one at a time. It never rejects. */
export class HostAuthentication {
  readonly #context: BrokerContext;
  readonly #owner: AuthenticationOwner;
  /** Ends the question that is put to the host, while one is. */
  #aborts: AbortController | undefined;
  /** The CONNECT without its credentials, until its client is known. */
  #connect: ConnectPacket | undefined;
  /** Who takes what the client says next. */
  #next: AuthenticationStep | undefined;

  constructor(context: BrokerContext, owner: AuthenticationOwner) {
    this.#context = context;
    this.#owner = owner;
  }

  /** Answers a request of the machine. */
  ask(request: AuthenticateRequest | AuthenticateStepRequest | ReauthenticateRequest): void {
    this.#context.tasks.ask(this.#answer(request));
  }

  /** Nobody waits for an answer any more. */
  stop(): void {
    this.#aborts?.abort();
    this.#connect = undefined;
    this.#next = undefined;
  }

  async #answer(request: AuthenticateRequest | AuthenticateStepRequest | ReauthenticateRequest): Promise<void> {
    const { options } = this.#context;
    const { signal } = this.#aborts = new AbortController();
    let verdict: Authentication | Promise<Authentication>;
    if (request.type === "authenticate") {
      const { connect } = request;
      const { password: _password, username: _username, authenticationData: _data, ...kept } = connect;
      this.#connect = kept;
      // With a method there is an exchange, and packets of it that must not wait.
      if (connect.authenticationMethod === undefined) this.#owner.waitForVerdict();
      const { authenticate } = options;
      verdict = authenticate === undefined ? { ok: true } : asked(() => authenticate(connect, { signal }));
    } else if (request.type === "authenticateStep") {
      const next = this.#next;
      verdict = next === undefined ? NOBODY : asked(() => next(request.auth, { signal }));
    } else {
      const { clientId, principal } = this.#owner;
      const who = principal === undefined ? { clientId } : { clientId, principal };
      const { reauthenticate } = options;
      verdict = reauthenticate === undefined ? NOBODY : asked(() => reauthenticate(request.auth, { ...who, signal }));
    }
    this.#next = undefined;
    const event = await this.#judged(verdict, signal);
    this.#aborts = undefined;
    if (event === undefined) return;
    // A client that authenticates again may have packets whose answer is awaited: this is not that answer.
    if (this.#connect === undefined) return this.#owner.tell(event);
    if (event.type !== "authenticationContinued") this.#connect = undefined;
    this.#owner.answer(event);
  }

  /** What the machine is told; `undefined` when the connection has ended, and nobody waits for it any more. */
  async #judged(
    verdict: Authentication | Promise<Authentication>,
    signal: AbortSignal,
  ): Promise<Answered | undefined> {
    const connect = this.#connect;
    let answer: Authentication;
    try {
      answer = await untilAborted(Promise.resolve(verdict), signal);
      if (answer?.ok === "continue") {
        const isExchange = connect === undefined || connect.authenticationMethod !== undefined;
        if (!isExchange) throw new TypeError("Cannot continue an authentication: CONNECT named no method");
        if (typeof answer.next !== "function") throw new TypeError("Cannot continue an authentication: next is none");
        const { ok: _ok, next, ...event } = answer;
        this.#next = next;
        return { type: "authenticationContinued", ...event };
      }
      if (typeof answer?.ok !== "boolean") throw new TypeError("Cannot authenticate: the host gave no verdict");
      if (answer.ok) this.#check(answer);
    } catch (error) {
      if (signal.aborted) return undefined;
      const clientId = connect?.clientId ?? this.#owner.clientId;
      this.#context.options.observe({ type: "workFailed", work: "callback", clientId, error });
      return { type: "authenticationRefused", reasonCode: REASON.unspecifiedError };
    }
    if (!answer.ok) return refusal(answer);
    return connect === undefined ? this.#accepted(answer) : await this.#acceptedConnect(connect, answer);
  }

  /** What the host gives one client has to make sense. */
  #check({ limits, quota }: AuthenticationAccepted): void {
    const { limits: ours } = this.#context.options;
    if (limits !== undefined) checkConnectionLimits(limits);
    const offersMore = limits?.retainAvailable && !ours.retainAvailable ||
      limits?.sharedSubscriptionAvailable && !ours.sharedSubscriptionAvailable;
    if (offersMore) throw new RangeError("Cannot take the limits of a client: they offer what this broker does not");
    if (quota === undefined) return;
    checkQuota(quota);
    requireQuota(this.#context.options.store.capabilities);
  }

  /** The client of an open connection: it must be the one that it was. */
  #accepted({ principal = this.#owner.principal, authenticationData }: AuthenticationAccepted): Answered {
    if (principal !== this.#owner.principal) return refusal({ ok: false });
    return { type: "reauthenticated", ...(authenticationData === undefined ? {} : { authenticationData }) };
  }

  /** The client of a CONNECT: its id, and whether its Will may be published. */
  async #acceptedConnect(connect: ConnectPacket, answer: AuthenticationAccepted): Promise<Answered> {
    const { options } = this.#context;
    const { ok: _ok, clientId: given = connect.clientId, principal, authenticationData, quota, ...overrides } = answer;
    const assigned = given === "";
    const clientId = assigned ? options.environment.randomId() : given;
    const who = principal === undefined ? {} : { principal };
    const { will } = connect;
    if (will !== undefined) {
      const asks = { clientId, ...who, action: "publish", topic: will.topic, qos: will.qos } as const;
      if (!await isAllowed(options, asks)) return refusal({ ok: false });
    }
    this.#owner.principal = principal;
    this.#owner.quota = quota ?? options.quota;
    const hasLastWord = connect.authenticationMethod !== undefined && authenticationData !== undefined;
    return {
      type: "authenticated",
      clientId,
      assigned,
      ...overrides,
      ...(hasLastWord ? { authenticationData } : {}),
    };
  }
}

/** The answer where the host has nobody to ask. */
const NOBODY: AuthenticationDenied = { ok: false };

/** What the host says, also where it throws at once. */
function asked(ask: () => Authentication | Promise<Authentication>): Authentication | Promise<Authentication> {
  try {
    return ask();
  } catch (error) {
    return Promise.reject(error);
  }
}

function refusal({ ok: _ok, reasonCode = REASON.notAuthorized, ...texts }: AuthenticationDenied): Answered {
  return { type: "authenticationRefused", reasonCode, ...texts };
}
