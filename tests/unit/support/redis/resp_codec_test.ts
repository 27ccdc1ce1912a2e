import assert from "node:assert/strict";
import fc from "fast-check";
import {
  encodeCommands,
  encodeReplies,
  RespError,
  RespParser,
  RespStatus,
  type RespValue,
} from "../../../support/redis/resp_codec.ts";

const { reply } = fc.letrec<{ reply: RespValue }>((tie) => ({
  reply: fc.oneof(
    { depthSize: "small" },
    fc.uint8Array({ maxLength: 40 }),
    fc.stringMatching(/^[A-Z ]{0,20}$/).map((text) => new RespStatus(text)),
    fc.stringMatching(/^[A-Z ]{0,20}$/).map((text) => new RespError(text)),
    fc.maxSafeInteger(),
    fc.constant(null),
    fc.array(tie("reply"), { maxLength: 4 }),
  ),
}));

Deno.test("replies are the same however their bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 60 })), (replies, cuts) => {
      const bytes = encodeReplies(replies);
      const parser = new RespParser();
      const read: RespValue[] = [];
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        read.push(...parser.push(bytes.slice(at, at + cut)));
        at += cut;
      }
      assert.deepEqual(read, replies);
    }),
  );
});

Deno.test("replies larger than any buffer come out whole", () => {
  const parser = new RespParser();
  const large = new Uint8Array(300_000).map((_, index) => index % 256);
  const bytes = encodeReplies([[large, 1, large], new RespStatus("OK"), large]);
  const read: RespValue[] = [];
  for (let at = 0; at < bytes.length; at += 1000) read.push(...parser.push(bytes.subarray(at, at + 1000)));
  assert.deepEqual(read, [[large, 1, large], new RespStatus("OK"), large]);
});

Deno.test("what is no reply is an error", () => {
  assert.throws(() => new RespParser().push(new TextEncoder().encode("HTTP/1.1 200 OK\r\n")), /cannot start/);
});

Deno.test("commands are lists of strings, whose lengths count bytes", () => {
  const bytes = encodeCommands([["SET", "é", Uint8Array.of(0x78)], ["PING"]]);
  assert.equal(
    new TextDecoder().decode(bytes),
    "*3\r\n$3\r\nSET\r\n$2\r\né\r\n$1\r\nx\r\n*1\r\n$4\r\nPING\r\n",
  );
});
