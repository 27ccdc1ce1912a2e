/**
 * What Node needs to make a session of MQTT.js.
 *
 * @module
 */
export { mqttjsSession } from "../../../src/hosts/mqttjs.ts";
export { memoryStore } from "../../../src/stores/memory.ts";
