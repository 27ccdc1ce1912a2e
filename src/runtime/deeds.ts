/** Hands a QoS 0 copy to a session of this node. */
export type Offer = () => void;

/** An effect, as far as it is looked at here. */
export interface AnyEffect {
  readonly type: string;
  readonly packet?: { readonly type: string; readonly reasonCode?: number };
}

/** Something that is waited for before what comes behind it is done. */
export interface Wait {
  /** Begins when everything before it is done. It never rejects. */
  readonly until: () => Promise<void>;
}

/** What is done once it is durable. */
export type Deed<Effects extends AnyEffect> = Effects | Offer | Wait;

/** Who does it. */
export interface Doer<Effects extends AnyEffect> {
  runEffect(effect: Effects): void;
  /** What a wait has held up is done. */
  deedsMoved(): void;
}

/** What is done for one session, in order: nothing overtakes another, and some of it has to wait. */
export class Deeds<Effects extends AnyEffect> {
  readonly #doer: Doer<Effects>;
  readonly #ready: Deed<Effects>[] = [];
  /** What is waited for; absent when nothing is. */
  #waiting: Wait | undefined;
  #running = false;
  #unsent = 0;

  constructor(doer: Doer<Effects>) {
    this.#doer = doer;
  }

  /** Whether nothing is left. */
  get empty(): boolean {
    return this.#ready.length === 0 && this.#waiting === undefined;
  }

  /** Whether something is waited for. */
  get waits(): boolean {
    return this.#waiting !== undefined;
  }

  /** Acknowledgements that give credit back to the client and have not left. */
  get unsentAcknowledgements(): number {
    return this.#unsent;
  }

  /** Does what is to be done in order, also when some of it leads to more. */
  run(deeds: readonly Deed<Effects>[]): void {
    for (const deed of deeds) {
      this.#ready.push(deed);
      if (isCredit(deed)) this.#unsent++;
    }
    this.#work();
  }

  /** Hands copies out: they wait for earlier ones alone, for nobody else's copy is kept waiting by this session. */
  offer(offers: readonly Offer[]): void {
    if (this.#waiting === undefined || this.#ready.some((deed) => typeof deed === "function")) this.run(offers);
    else for (const offer of offers) offer();
  }

  /** Nothing of it is done any more. */
  drop(): void {
    this.#ready.length = 0;
    this.#waiting = undefined;
    this.#unsent = 0;
  }

  #work(): void {
    if (this.#running) return;
    this.#running = true;
    while (this.#waiting === undefined) {
      const deed = this.#ready.shift();
      if (deed === undefined) break;
      if (isCredit(deed)) this.#unsent--;
      if (typeof deed === "function") deed();
      else if (isWait(deed)) this.#wait(deed);
      else this.#doer.runEffect(deed);
    }
    this.#running = false;
  }

  #wait(wait: Wait): void {
    this.#waiting = wait;
    wait.until().then(() => {
      if (this.#waiting !== wait) return;
      this.#waiting = undefined;
      this.#work();
      this.#doer.deedsMoved();
    });
  }
}

/** Whether the client may send one more QoS 1 or 2 message once this has left ([MQTT-4.9.0-1]). */
export function givesCredit({ type, packet }: AnyEffect): boolean {
  if (type !== "sendPacket" || packet === undefined) return false;
  return packet.type === "puback" || packet.type === "pubcomp" ||
    (packet.type === "pubrec" && (packet.reasonCode ?? 0) >= 0x80);
}

function isCredit<Effects extends AnyEffect>(deed: Deed<Effects>): boolean {
  return typeof deed !== "function" && !isWait(deed) && givesCredit(deed);
}

function isWait<Effects extends AnyEffect>(deed: Effects | Wait): deed is Wait {
  return "until" in deed;
}
