import type { UserProperty } from "../../mqtt/message.ts";
import * as REASON from "../../mqtt/reason.ts";
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

/** How the properties of a packet are read: each in the library's form, or `undefined` when it is malformed. */
export type Readers<Name extends PropertyName> = {
  readonly [Each in Name]: (value: unknown) => PropertyValues[Each] | undefined;
};

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
  readers: Readers<Name>,
  raw: unknown,
): FoundProperties<Name> | PropertyFault {
  if (raw === undefined || raw === null) return {};
  if (!isRecord(raw)) return { reasonCode: REASON.malformedPacket, field: "properties" };
  const found: Record<string, unknown> = {};
  for (const key of Object.keys(raw)) {
    const value = raw[key];
    if (value === undefined) continue;
    const name = nameOf(key, readers);
    if (name === undefined) return { reasonCode: REASON.malformedPacket, field: key };
    if (Array.isArray(value) && name !== "userProperties" && name !== "subscriptionIdentifiers") {
      return { reasonCode: REASON.protocolError, field: key };
    }
    const read = readers[name](value);
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

/** The library's name of a property, where the packet may carry it. */
function nameOf<Name extends PropertyName>(key: string, readers: Readers<Name>): Name | undefined {
  // True because a packet's readers have the names of its properties.
  if (Object.hasOwn(readers, key)) return key as Name;
  // PUBLISH alone may carry several, so that is where the library uses the plural.
  const plural = key === "subscriptionIdentifier" ? "subscriptionIdentifiers" : "";
  return Object.hasOwn(readers, plural) ? plural as Name : undefined;
}

// Declared one by one, so that whoever reads PUBLISH alone bundles no more than that.

/** Reads a text. */
export function text(value: unknown): string | undefined {
  return isText(value) ? value : undefined;
}

/** Reads two bytes. */
export function uint16(value: unknown): number | undefined {
  return isUint16(value) ? value : undefined;
}

/** Reads four bytes. */
export function uint32(value: unknown): number | undefined {
  return isUint32(value) ? value : undefined;
}

/** Reads what has one value or another. */
export function boolean(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

/** Reads a Subscription Identifier. */
export function identifier(value: unknown): number | undefined {
  return isVariableByteInteger(value) ? value : undefined;
}

/** Reads a bit, which some tell as a boolean. */
export function bit(value: unknown): 0 | 1 | undefined {
  if (value === false || value === 0) return 0;
  return value === true || value === 1 ? 1 : undefined;
}

/** Reads the Subscription Identifiers of a PUBLISH. */
export function identifiers(value: unknown): readonly number[] | undefined {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.every(isVariableByteInteger) ? [...list] : undefined;
}

/** Both forms: one object of all names, and a list of objects, as `toMqttPacket` makes it to keep the order. */
export function userProperties(value: unknown): readonly UserProperty[] | undefined {
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

/** Those of a message. */
export const MESSAGE_READERS = {
  payloadFormatIndicator: bit,
  messageExpiryInterval: uint32,
  contentType: text,
  responseTopic: text,
  correlationData: copyOfBytes,
  userProperties,
} as const satisfies Partial<Readers<PropertyName>>;
