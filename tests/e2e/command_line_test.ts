import assert from "node:assert/strict";
import { readCommandLine } from "../../examples/broker/options.ts";
import { PROJECT_ROOT, runDeno } from "../support/deno.ts";
import { BrokerProcess, DataFolder } from "./support/broker_process.ts";

const noData = () => {
  throw new Error("nobody asked for the default");
};

Deno.test("without options the broker listens on this machine alone and keeps sessions in a file of the user", () => {
  const command = readCommandLine([], () => "/home/somebody/sessions.db");
  assert.ok("run" in command);
  const { host, port, store, data } = command.run;
  assert.deepEqual([host, port, store, data], ["127.0.0.1", 8080, "deno-kv", "/home/somebody/sessions.db"]);
});

Deno.test("options are read in both forms, a number below zero too", () => {
  const command = readCommandLine(["--store=memory", "--clock-offset-ms", "-5", "--port=0"], noData);
  assert.ok("run" in command);
  assert.deepEqual([command.run.store, command.run.clockOffsetMs, command.run.port], ["memory", -5, 0]);
});

Deno.test("Upstash Redis is a store, under a prefix that may be chosen, and no file is asked for", () => {
  for (const [args, expected] of [[[], "mqtt"], [["--prefix", "tenant a"], "tenant a"]] as const) {
    const command = readCommandLine(["--store", "upstash", ...args], noData);
    assert.ok("run" in command);
    const { store, prefix, data } = command.run;
    assert.deepEqual([store, prefix, data], ["upstash", expected, ""]);
  }
});

Deno.test("queue rules are read in their order, each with its filter and what holds for it", () => {
  const args = ["--queue-rule", "alarms/# priority=9 queue-qos0", "--queue-rule=# keep-last messages=5 drop-newest"];
  const command = readCommandLine(["--store", "memory", ...args], noData);
  assert.ok("run" in command);
  assert.deepEqual(command.run.queueRules, [
    { filter: "alarms/#", priority: 9, queueQos0: true },
    { filter: "#", keepLast: true, maximumMessages: 5, whenFull: "dropNewest" },
  ]);
});

Deno.test("a cluster is behind Upstash's protocol only where that is said, and behind no other store", () => {
  for (const [args, expected] of [[[], false], [["--cluster"], true]] as const) {
    const command = readCommandLine(["--store", "upstash", ...args], noData);
    assert.ok("run" in command);
    assert.equal(command.run.cluster, expected);
  }
});

Deno.test("what the command line cannot mean is refused with 2 and the reason", () => {
  const wrong: Readonly<Record<string, readonly string[]>> = {
    "--nonsense": ["--nonsense"],
    "stray": ["stray"],
    "--port": ["--port", "65536"],
    "--lease-ms": ["--lease-ms", "soon"],
    "--store": ["--store", "paper"],
    "--node": ["--node"],
    "--queue-rule does not know loud": ["--queue-rule", "t loud"],
    "queue-rule: priority": ["--queue-rule", "t priority=10"],
    "--cluster is for --store upstash": ["--cluster"],
    "--cluster": ["--store", "upstash", "--cluster=no"],
  };
  for (const [named, args] of Object.entries(wrong)) {
    const command = readCommandLine(args, () => "");
    assert.ok("say" in command, named);
    assert.equal(command.exitCode, 2);
    assert.ok(command.say.includes(named), command.say);
  }
});

Deno.test("the process prints its help, and refuses an unknown option", async () => {
  const main = "examples/broker/main.ts";
  const help = await runDeno(["run", "-A", "--quiet", main, "--help"]);
  assert.ok(help.success);
  assert.match(help.output, /--store NAME .*memory, deno-kv, upstash/);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", main, "--nonsense"],
    cwd: PROJECT_ROOT,
    stderr: "null",
  }).output();
  assert.equal(code, 2);
});

Deno.test("the folder of the data is made, and the output says where it is", async () => {
  await using folder = await DataFolder.make();
  const file = `${folder.path}/a/b/sessions.db`;
  await using broker = await BrokerProcess.start("--data", file);
  assert.ok(broker.output.includes(`storing in ${file}\n`));
  assert.ok((await Deno.stat(file)).isFile);
});

Deno.test("a port or a file that cannot be had ends the process with 1 and one line that says why", async () => {
  await using broker = await BrokerProcess.start("--store", "memory");
  await using folder = await DataFolder.make();
  const file = `${folder.path}/letter.txt`;
  await Deno.writeTextFile(file, "This is no database. ".repeat(100));
  const { port } = new URL(broker.url);
  for (const args of [["--store", "memory", "--port", port], ["--data", file]]) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "examples/broker/main.ts", "--port", "0", ...args],
      cwd: PROJECT_ROOT,
    }).output();
    assert.equal(code, 1, args.join(" "));
    assert.match(new TextDecoder().decode(stderr), /^Cannot run the broker: .+\n$/);
  }
});

Deno.test("an Upstash Redis that is not named, not reached or not allowed is told without its URL and token", async () => {
  const token = "token-5d1c";
  await using other = startServer(new Response("<html>this is no Redis</html>"));
  await using stranger = startServer(Response.json({ error: `WRONGPASS not ${token}` }, { status: 401 }));
  const closed = startServer(new Response());
  await closed[Symbol.asyncDispose]();
  const cases: readonly (readonly [url: string, token: string, says: RegExp])[] = [
    ["", token, /UPSTASH_REDIS_REST_URL/],
    [other.url, "", /UPSTASH_REDIS_REST_TOKEN/],
    ["ftp://host.invalid", token, /URL/],
    [closed.url, token, /request failed/],
    [other.url, token, /the answer is no JSON/],
    [stranger.url, token, /turned the request away/],
  ];
  for (const [url, token, says] of cases) {
    const { code, stderr, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "examples/broker/main.ts", "--port", "0", "--store", "upstash"],
      cwd: PROJECT_ROOT,
      env: { NO_COLOR: "1", UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token },
    }).output();
    const told = new TextDecoder().decode(stderr);
    assert.equal(code, 1, told);
    assert.match(told, /^Cannot run the broker: .+\n$/);
    assert.match(told, says);
    assert.equal(stdout.length, 0);
    for (const secret of [token, url === "" ? "" : new URL(url).host]) {
      assert.ok(secret === "" || !told.includes(secret), told);
    }
  }
});

/** Answers everything with this. */
function startServer(response: Response): AsyncDisposable & { readonly url: string } {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => response.clone());
  return { url: `http://127.0.0.1:${server.addr.port}`, [Symbol.asyncDispose]: () => server.shutdown() };
}
