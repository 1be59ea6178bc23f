import { execFileSync, spawn } from "node:child_process";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { request, running } from "./loopback.ts";

/** Run in a process of its own, so that both ends have file descriptors enough: opens connections, asks once on each, says how many were answered. */
const crowd = `
const { connect } = require("node:net");
const [port, count] = process.argv.slice(1).map(Number);
const text = ${JSON.stringify(request("crowd"))};
let opened = 0, answered = 0, failed = 0, started = 0;
const one = () => {
  if (started === count) return;
  const socket = connect({ port, host: "127.0.0.1", localAddress: "127.0.0." + (2 + (started++ % 10)) });
  socket.on("connect", () => { opened++; socket.write(text); one(); });
  socket.once("data", () => { answered++; tell(); });
  socket.on("error", () => { failed++; tell(); one(); });
};
const tell = () => { if (answered + failed === count) console.log(JSON.stringify({ opened, answered, failed })); };
for (let at = 0; at < 200; at++) one();
`;

test("10,000 open TCP connections are accepted and answered, and a newcomer still is", async () => {
  const hardLimit = Number(execFileSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" })) || Infinity;
  const count = Math.min(10_000, hardLimit - 500);
  const { transports, recorder, port } = await running({ listen: [{ url: "tcp://127.0.0.1:0" }, { url: "udp://127.0.0.1:0" }] });
  recorder.onEach = (_text, flow) => flow.send("SIP/2.0 200 OK\r\nl:0\r\n\r\n");
  const before = process.memoryUsage().rss;
  const child = spawn(process.execPath, ["-e", crowd, String(port()), String(count)], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const line = await new Promise<string>((resolve) => createInterface(child.stdout).once("line", resolve));
    expect(JSON.parse(line)).toEqual({ opened: count, answered: count, failed: 0 });
    expect(transports.counters.tcp.connectionsOpen).toBe(count);
    expect(process.memoryUsage().rss - before).toBeLessThan(count * 40_000);
    const newcomer = await running({ listen: [{ url: "tcp://127.0.0.1:0" }] });
    const sentAt = performance.now();
    newcomer.transports.open({ protocol: "tcp", address: "127.0.0.1", port: port() })?.send(request("newcomer"));
    await newcomer.recorder.wait("message");
    expect(performance.now() - sentAt).toBeLessThan(200);
    await newcomer.transports.stop();
  } finally {
    child.kill("SIGKILL");
    await transports.stop();
  }
  expect(transports.connectionCount).toBe(0);
}, 60_000);

test("connections above the limits are closed at once and counted, and places come back", async () => {
  const server = await running({ listen: [{ url: "tcp://127.0.0.1:0" }], limits: { connections: 3, connectionsPerAddress: 2 } });
  const seen: string[] = [];
  for (const last of [1, 1, 1, 9, 9]) seen.push(await knock(`127.0.0.${String(last)}`));
  expect(seen).toEqual(["in", "in", "out", "in", "out"]);
  expect(server.transports.counters.tcp.connectionsRefused).toBe(2);
  server.recorder.of("message")[0]?.flow.close();
  await server.recorder.wait("closed");
  await new Promise((resolve) => setImmediate(resolve));
  expect(await knock("127.0.0.9")).toBe("in");
  await server.transports.stop();

  function knock(localAddress: string): Promise<string> {
    const socket = connect({ port: server.port(), host: "127.0.0.1", localAddress });
    socket.on("error", () => undefined);
    const messages = server.recorder.of("message").length;
    socket.write(request("knock"));
    return Promise.race([
      server.recorder.wait("message", messages).then(() => "in"),
      new Promise<string>((resolve) => socket.once("close", () => resolve("out"))),
    ]);
  }
}, 20_000);
