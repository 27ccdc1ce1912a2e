/**
 * The example broker as the page's child: it stops when its parent is gone, however that went.
 *
 * @module
 */
stopWithParent();
await import("../broker/main.ts");

/** The parent holds the other end of standard input, and no more once it has ended. */
async function stopWithParent(): Promise<void> {
  for await (const _ of Deno.stdin.readable);
  Deno.kill(Deno.pid, "SIGTERM");
}
