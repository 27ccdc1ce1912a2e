import type { UserProperty } from "../../mqtt/message.ts";
import { REASON } from "../../mqtt/reason_code.ts";
import { copyOfBytes, isRecord, isText, isUint16, isUint32, isVariableByteInteger } from "./_fields.ts";

/** The properties that can be read, by the name and of the type that the library gives them. */
export interface PropertyValues {
  payloadFormatIndicator: 0 | 1;
  messageExpiryInterval: number;
  contentType: string;
  responseTopic: string;
  correlationData: Uint8Array;
  subscriptionIdentifier: number;
  subscriptionIdentifiers: readonly number[];
  sessionExpiryInterval: number;
  assignedClientIdentifier: string;
  serverKeepAlive: number;
  authenticationMethod: string;
  authenticationData: Uint8Array;
  requestProblemInformation: boolean;
  willDelayInterval: number;
  requestResponseInformation: boolean;
  responseInformation: string;
  serverReference: string;
  reasonString: string;
  receiveMaximum: number;
  topicAliasMaximum: number;
  topicAlias: number;
  maximumQoS: 0 | 1;
  retainAvailable: boolean;
  userProperties: readonly UserProperty[];
  maximumPacketSize: number;
  wildcardSubscriptionAvailable: boolean;
  subscriptionIdentifiersAvailable: boolean;
  sharedSubscriptionAvailable: boolean;
}

/** The name of a property that can be read. */
export type PropertyName = keyof PropertyValues;

/** How a value is read: the value in the library's form, or `undefined` when it is malformed. */
type Readers = { readonly [Name in PropertyName]: (value: unknown) => PropertyValues[Name] | undefined };

const READERS: Readers = {
  payloadFormatIndicator: bit,
  messageExpiryInterval: only(isUint32),
  contentType: only(isText),
  responseTopic: only(isText),
  correlationData: copyOfBytes,
  subscriptionIdentifier: only(isVariableByteInteger),
  subscriptionIdentifiers: identifiers,
  sessionExpiryInterval: only(isUint32),
  assignedClientIdentifier: only(isText),
  serverKeepAlive: only(isUint16),
  authenticationMethod: only(isText),
  authenticationData: copyOfBytes,
  requestProblemInformation: only(isBoolean),
  willDelayInterval: only(isUint32),
  requestResponseInformation: only(isBoolean),
  responseInformation: only(isText),
  serverReference: only(isText),
  reasonString: only(isText),
  receiveMaximum: only(isUint16),
  topicAliasMaximum: only(isUint16),
  topicAlias: only(isUint16),
  maximumQoS: bit,
  retainAvailable: only(isBoolean),
  userProperties,
  maximumPacketSize: only(isUint32),
  wildcardSubscriptionAvailable: only(isBoolean),
  subscriptionIdentifiersAvailable: only(isBoolean),
  sharedSubscriptionAvailable: only(isBoolean),
};

const MESSAGE = [
  "payloadFormatIndicator",
  "messageExpiryInterval",
  "contentType",
  "responseTopic",
  "correlationData",
  "userProperties",
] as const satisfies readonly PropertyName[];

/** Which properties each packet may carry (table 2-4). */
export const PROPERTIES_OF = {
  connect: [
    "sessionExpiryInterval",
    "receiveMaximum",
    "maximumPacketSize",
    "topicAliasMaximum",
    "requestResponseInformation",
    "requestProblemInformation",
    "authenticationMethod",
    "authenticationData",
    "userProperties",
  ],
  will: [...MESSAGE, "willDelayInterval"],
  publish: [...MESSAGE, "topicAlias", "subscriptionIdentifiers"],
  connack: [
    "sessionExpiryInterval",
    "receiveMaximum",
    "maximumQoS",
    "retainAvailable",
    "maximumPacketSize",
    "assignedClientIdentifier",
    "topicAliasMaximum",
    "reasonString",
    "userProperties",
    "wildcardSubscriptionAvailable",
    "subscriptionIdentifiersAvailable",
    "sharedSubscriptionAvailable",
    "serverKeepAlive",
    "responseInformation",
    "serverReference",
    "authenticationMethod",
    "authenticationData",
  ],
  problem: ["reasonString", "userProperties"],
  subscribe: ["subscriptionIdentifier", "userProperties"],
  unsubscribe: ["userProperties"],
  disconnect: ["sessionExpiryInterval", "serverReference", "reasonString", "userProperties"],
  auth: ["authenticationMethod", "authenticationData", "reasonString", "userProperties"],
} as const satisfies Record<string, readonly PropertyName[]>;

/** What was found of the properties asked for. */
export type FoundProperties<Name extends PropertyName> = Partial<Pick<PropertyValues, Name>>;

/** What is wrong with the properties of a packet: a reason code, and the property that showed it. */
export interface PropertyFault {
  readonly reasonCode: number;
  readonly field: string;
}

/**
 * Reads the properties of one packet, or says what is wrong with them: a value of the wrong type and a property that
 * does not belong in the packet make it malformed, a repeated one is a protocol error.
 */
export function readProperties<Name extends PropertyName>(
  names: readonly Name[],
  raw: unknown,
): FoundProperties<Name> | PropertyFault {
  if (raw === undefined || raw === null) return {};
  if (!isRecord(raw)) return { reasonCode: REASON.malformedPacket, field: "properties" };
  const found: Record<string, unknown> = {};
  for (const key of Object.keys(raw)) {
    const value = raw[key];
    if (value === undefined) continue;
    const name = nameOf(key, names);
    if (name === undefined) return { reasonCode: REASON.malformedPacket, field: key };
    if (Array.isArray(value) && !MAY_REPEAT.includes(name)) return { reasonCode: REASON.protocolError, field: key };
    const read = READERS[name](value);
    if (read === undefined) return { reasonCode: REASON.malformedPacket, field: key };
    found[name] = read;
  }
  // True because each member was read by the reader of its own name.
  return found as FoundProperties<Name>;
}

/** Whether reading failed. No property is called `reasonCode`. */
export function isFault(found: object): found is PropertyFault {
  return "reasonCode" in found;
}

const MAY_REPEAT: readonly PropertyName[] = ["userProperties", "subscriptionIdentifiers"];

/** The library's name of a property, where the packet may carry it. */
function nameOf<Name extends PropertyName>(key: string, names: readonly Name[]): Name | undefined {
  // PUBLISH alone may carry several, so that is where the library uses the plural.
  const plural = key === "subscriptionIdentifier" ? "subscriptionIdentifiers" : key;
  return names.find((name) => name === key) ?? names.find((name) => name === plural);
}

function only<Value>(is: (value: unknown) => value is Value): (value: unknown) => Value | undefined {
  return (value) => is(value) ? value : undefined;
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === "boolean";
}

function bit(value: unknown): 0 | 1 | undefined {
  if (value === false || value === 0) return 0;
  return value === true || value === 1 ? 1 : undefined;
}

function identifiers(value: unknown): readonly number[] | undefined {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.every(isVariableByteInteger) ? [...list] : undefined;
}

/** Both forms: one object of all names, and a list of objects, as `toMqttPacket` makes it to keep the order. */
function userProperties(value: unknown): readonly UserProperty[] | undefined {
  const pairs: UserProperty[] = [];
  const objects: readonly unknown[] = Array.isArray(value) ? value : [value];
  for (const object of objects) {
    if (!isRecord(object)) return undefined;
    for (const name of Object.keys(object)) {
      const values = object[name];
      for (const text of Array.isArray(values) ? values : [values]) {
        if (typeof text !== "string") return undefined;
        pairs.push([name, text]);
      }
    }
  }
  return pairs;
}
