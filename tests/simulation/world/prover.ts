/** What a client says to prove who it is. */
import type { AuthPacket } from "../../../mod.ts";
import { METHOD, type ProofPlan } from "../plan/authentication.ts";

/** One client's part of its exchanges. */
export class Prover {
  readonly #plan: ProofPlan;
  #exchanges = 0;
  /** Whether an exchange is under way: another one must not begin. */
  #isUnderWay = false;

  constructor(plan: ProofPlan) {
    this.#plan = plan;
  }

  /** A CONNECT leaves. */
  connects(): void {
    this.#begin();
  }

  /** The connection is let in, or AUTH says that all is well. */
  done(): void {
    this.#isUnderWay = false;
  }

  /** AUTH that begins another exchange; `undefined` while one is under way. */
  again(): AuthPacket | undefined {
    if (this.#isUnderWay) return undefined;
    this.#begin();
    return { type: "auth", reasonCode: 0x19, authenticationMethod: METHOD };
  }

  /** What it answers to a question: right, unless this exchange is one in which it is wrong. */
  answer({ authenticationData }: AuthPacket, isAlwaysRight: boolean): AuthPacket {
    const { steps, failsOneIn } = this.#plan;
    const number = Number(new TextDecoder().decode(authenticationData).split(" ")[1]);
    const isWrong = number === steps && failsOneIn > 0 && this.#exchanges % failsOneIn === 0 && !isAlwaysRight;
    return {
      type: "auth",
      reasonCode: 0x18,
      authenticationMethod: METHOD,
      authenticationData: new TextEncoder().encode(`${isWrong ? "wrong" : "answer"} ${number}`),
    };
  }

  #begin(): void {
    this.#exchanges++;
    this.#isUnderWay = true;
  }
}
