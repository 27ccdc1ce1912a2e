import type { Subscription } from "../../mqtt/subscription.ts";
import type { Claims } from "./claims.ts";

/** A connection whose session is a member. */
export interface ConnectedMember {
  readonly clientId: string;
  readonly incarnation: string;
  readonly principal: string | undefined;
  readonly token: string;
  /** Whether it takes messages. */
  readonly live: boolean;
  readonly claims: Claims;
  /** How many messages it could send at once. */
  readonly claimRoom: number;
  /** The host could not tell what its client may have: the connection cannot go on. */
  troubled(error: unknown): void;
}

/** What a member takes, and how it wants it. */
export interface Place {
  readonly member: ConnectedMember;
  readonly subscription: Subscription;
}
