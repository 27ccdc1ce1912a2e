/**
 * Where the states and ways of both diagrams stand on paper.
 *
 * @module
 */
import type { ClientPhase, StoredState } from "@edge-mqtt/session/machine";
import type { Drawing } from "./diagram.ts";
import { clientSteps, storedSteps } from "./lifecycle.ts";

const SIZE = [440, 208] as const;

/** The session in the broker’s store. */
export const STORED: Drawing<StoredState> = {
  id: "stored",
  name: "The session in the broker’s store",
  size: SIZE,
  places: { absent: { x: 82, y: 104 }, attached: { x: 272, y: 34 }, detached: { x: 272, y: 174 } },
  ways: {
    "absent attached": { path: "M74 84 C84 46 144 24 218 28", label: { x: 118, y: 34 } },
    "attached absent": { path: "M232 54 C210 76 174 90 138 97", label: { x: 146, y: 122 }, anchor: "start" },
    "detached absent": { path: "M218 182 C150 186 92 160 84 126", label: { x: 136, y: 190 }, anchor: "end" },
    "attached detached": { path: "M292 54 C304 84 304 124 293 152", label: { x: 306, y: 108 }, anchor: "start" },
    "detached attached": { path: "M254 154 C246 126 246 84 253 56", label: { x: 242, y: 144 }, anchor: "end" },
    "absent absent": { path: "M33 92 C0 72 0 136 31 116", label: { x: 14, y: 80 } },
    "attached attached": { path: "M324 26 C366 4 366 66 326 44", label: { x: 362, y: 39 }, anchor: "start" },
    "detached detached": { path: "M324 166 C366 144 366 206 326 184", label: { x: 362, y: 179 }, anchor: "start" },
  },
  steps: storedSteps(),
};

/** The session at the client’s end. */
export const CLIENT: Drawing<ClientPhase> = {
  id: "client",
  name: "The session at the client’s end",
  size: SIZE,
  places: { idle: { x: 82, y: 104 }, connecting: { x: 272, y: 34 }, online: { x: 272, y: 174 } },
  ways: {
    "idle connecting": { path: "M74 84 C84 46 144 24 218 28", label: { x: 118, y: 34 } },
    "connecting idle": { path: "M232 54 C210 76 174 90 138 97", label: { x: 200, y: 102 } },
    "online idle": { path: "M218 182 C150 186 92 160 84 126", label: { x: 136, y: 190 }, anchor: "end" },
    "connecting online": { path: "M272 54 L272 152", label: { x: 282, y: 108 }, anchor: "start" },
    "idle idle": { path: "M33 92 C0 72 0 136 31 116", label: { x: 14, y: 80 } },
    "connecting connecting": { path: "M324 26 C366 4 366 66 326 44", label: { x: 362, y: 39 }, anchor: "start" },
    "online online": { path: "M324 166 C366 144 366 206 326 184", label: { x: 362, y: 179 }, anchor: "start" },
  },
  steps: clientSteps(),
};
