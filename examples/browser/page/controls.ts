/// <reference lib="dom" />
/**
 * The forms and buttons of the page: what somebody asks for, as calls.
 *
 * @module
 */
import type { ClientInspection, ClientMessage } from "@edge-mqtt/session/client";
import type { QoS } from "@edge-mqtt/session/mqtt-packet";
import type { Answer } from "./broker_side.ts";
import type { Identity } from "./settings.ts";
import { byId, element, foreign, say } from "./text.ts";

/** What the page does when it is asked. */
export interface Orders {
  connect(identity: Identity): void;
  disconnect(): void;
  toggleOffline(): void;
  cut(): void;
  node(order: "kill" | "start"): void;
  subscribe(filter: string, qos: QoS): void;
  unsubscribe(filter: string): void;
  publish(message: ClientMessage): void;
  useToken(token: string): void;
}

/** What the controls depend on. */
export interface ControlState {
  readonly client: ClientInspection["state"];
  /** Whether a connection is wanted, be it up or not. */
  readonly isWanted: boolean;
  readonly isOffline: boolean;
  readonly answer: Answer | undefined;
}

/** The controls on the page. */
export class Controls {
  readonly #orders: Orders;
  readonly #clientId = byId("client-id", HTMLInputElement);
  readonly #expiry = byId("expiry", HTMLInputElement);
  readonly #keepAlive = byId("keep-alive", HTMLInputElement);
  readonly #disconnect = byId("disconnect", HTMLButtonElement);
  readonly #connect = byId("connect", HTMLButtonElement);
  readonly #offline = byId("offline", HTMLButtonElement);
  readonly #cut = byId("cut", HTMLButtonElement);
  readonly #kill = byId("kill", HTMLButtonElement);
  readonly #start = byId("start", HTMLButtonElement);
  readonly #subscribe = byId("subscribe", HTMLButtonElement);
  readonly #filter = byId("filter", HTMLInputElement);
  readonly #subscriptions = byId("subscriptions", HTMLUListElement);
  readonly #tokenForm = byId("token-form", HTMLFormElement);
  #shown = "";

  constructor(identity: Identity, orders: Orders) {
    this.#orders = orders;
    this.#clientId.value = identity.clientId;
    this.#expiry.value = String(identity.sessionExpiryInterval);
    this.#keepAlive.value = String(identity.keepAlive);
    onSubmit("connect-form", () => orders.connect(this.identity));
    onClick(this.#disconnect, () => orders.disconnect());
    onClick(this.#offline, () => orders.toggleOffline());
    onClick(this.#cut, () => orders.cut());
    onClick(byId("reload", HTMLButtonElement), () => location.reload());
    onClick(this.#kill, () => orders.node("kill"));
    onClick(this.#start, () => orders.node("start"));
    const filterQos = byId("filter-qos", HTMLSelectElement);
    onSubmit("subscribe-form", () => orders.subscribe(this.#filter.value, qosOf(filterQos)));
    onSubmit("publish-form", () => orders.publish(publishing()));
    const token = byId("token", HTMLInputElement);
    onSubmit("token-form", () => {
      orders.useToken(token.value);
      token.value = "";
    });
  }

  /** Who the form says the page is. */
  get identity(): Identity {
    return {
      clientId: this.#clientId.value.trim(),
      sessionExpiryInterval: Math.trunc(Number(this.#expiry.value)),
      keepAlive: Math.trunc(Number(this.#keepAlive.value)),
    };
  }

  /** Lets be pressed what can be done. */
  show({ client, isWanted, isOffline, answer }: ControlState): void {
    const node = answer !== undefined && "look" in answer ? answer.look.node.status : undefined;
    for (const input of [this.#clientId, this.#expiry, this.#keepAlive]) input.readOnly = isWanted;
    enable(this.#connect, !isWanted);
    enable(this.#disconnect, isWanted);
    enable(this.#cut, client === "connecting" || client === "online");
    enable(this.#subscribe, client === "online");
    enable(this.#kill, node === "running");
    enable(this.#start, node === "down");
    say(this.#offline, isOffline ? "Go online" : "Go offline");
    this.#tokenForm.hidden = answer === undefined || !("failure" in answer) || answer.failure !== "token";
    const subscriptions = answer !== undefined && "look" in answer
      ? answer.look.session?.subscriptions ?? []
      : undefined;
    if (subscriptions !== undefined) this.#showSubscriptions(subscriptions, client === "online");
  }

  #showSubscriptions(subscriptions: readonly { readonly filter: string; readonly qos: number }[], can: boolean): void {
    const signature = JSON.stringify([subscriptions, can]);
    if (signature === this.#shown) return;
    this.#shown = signature;
    const hadFocus = this.#subscriptions.contains(document.activeElement);
    this.#subscriptions.replaceChildren(...subscriptions.map(({ filter, qos }) => {
      const remove = element("button", { type: "button", class: "remove", label: `Unsubscribe from ${filter}` }, "×");
      enable(remove, can);
      onClick(remove, () => this.#orders.unsubscribe(filter));
      return element("li", {}, foreign(filter), element("small", {}, `QoS ${qos}`), remove);
    }));
    // The button that had it is gone: whoever goes by keyboard must not start over.
    if (hadFocus) this.#filter.focus();
  }
}

function publishing(): ClientMessage {
  const expiry = byId("message-expiry", HTMLInputElement).value;
  return {
    topic: byId("topic", HTMLInputElement).value,
    payload: new TextEncoder().encode(byId("payload", HTMLInputElement).value),
    qos: qosOf(byId("qos", HTMLSelectElement)),
    retain: false,
    ...(expiry === "" ? {} : { messageExpiryInterval: Math.trunc(Number(expiry)) }),
  };
}

function qosOf(select: HTMLSelectElement): QoS {
  return select.value === "2" ? 2 : select.value === "1" ? 1 : 0;
}

function onSubmit(id: string, submitted: () => void): void {
  byId(id, HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    submitted();
  });
}

/** A disabled button loses the focus it has; one that says it is disabled keeps it. */
function onClick(button: HTMLButtonElement, clicked: () => void): void {
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") !== "true") clicked();
  });
}

function enable(button: HTMLButtonElement, isEnabled: boolean): void {
  button.disabled = false;
  button.setAttribute("aria-disabled", String(!isEnabled));
}
