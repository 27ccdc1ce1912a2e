/**
 * aedes over TCP, for `deno task conformance --table`: PORT, and the port of a Redis to keep sessions in, or none.
 *
 * @module
 */
import { createServer } from "node:net";
import { argv } from "node:process";
import { Aedes } from "aedes";
import redisPersistence from "aedes-persistence-redis";
import { Redis } from "ioredis";

const [port = "1883", redisPort] = argv.slice(2);
const persistence = redisPort === undefined
  ? {}
  : { persistence: redisPersistence({ conn: new Redis(Number(redisPort), "127.0.0.1") }) };
const broker = await Aedes.createBroker(persistence);
createServer(broker.handle).listen(Number(port), "127.0.0.1");
