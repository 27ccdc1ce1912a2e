/** The host of a node: who clients are, and whether they prove it. */
import type { AuthPacket, BrokerOptions, ConnectPacket } from "../../../mod.ts";
import { METHOD } from "../plan/authentication.ts";
import type { Plan } from "../plan/plan.ts";
import { principalsOf } from "../plan/quotas.ts";

type Host = Pick<BrokerOptions, "authenticate" | "reauthenticate">;
type Verdict = Extract<Awaited<ReturnType<NonNullable<Host["authenticate"]>>>, object>;

/** Whether a plan needs a host at all. */
export function methodsOf({ clients }: Plan): readonly string[] {
  return clients.some(({ proof }) => proof !== undefined) ? [METHOD] : [];
}

/** What the host says, each time after as long as `later` takes; nothing in worlds that need no host. */
export function hostOf(plan: Plan, later: (verdict: Verdict) => Verdict | Promise<Verdict>): Host {
  const { clients, broker } = plan;
  const hasProofs = methodsOf(plan).length > 0;
  if (broker.quota === undefined && !hasProofs) return {};
  const principals = principalsOf(plan);
  const stepsOf = (clientId: string) => clients[Number(clientId.slice(1))]?.proof?.steps ?? 0;
  const accepted = (clientId: string): Verdict => {
    const principal = principals.get(clientId);
    return { ok: true, ...(principal === undefined ? {} : { principal }) };
  };
  /** Asks so many questions from this one on, and says at last that all is well. */
  const ask = (clientId: string, number: number): Verdict => {
    if (number > stepsOf(clientId)) return accepted(clientId);
    return {
      ok: "continue",
      authenticationData: text(`question ${number}`),
      next: ({ authenticationData: answer }: AuthPacket) => {
        const isRight = new TextDecoder().decode(answer) === `answer ${number}`;
        return later(isRight ? ask(clientId, number + 1) : { ok: false });
      },
    };
  };
  return {
    authenticate: ({ clientId, authenticationMethod }: ConnectPacket) => {
      return authenticationMethod === undefined ? accepted(clientId) : later(ask(clientId, 1));
    },
    ...(hasProofs ? { reauthenticate: (_: AuthPacket, { clientId }) => later(ask(clientId, 1)) } : {}),
  };
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
