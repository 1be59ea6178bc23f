// Starts the built server for a benchmark: a folder of its own, `users` people u0, u1 … with the password "secret", pages and metrics without a token on loopback.
import { createWriteStream, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { endProgram, serverCore, startPinned } from "./programs.mjs";

export const name = "lamplight";

/** A running server. `require` as in the configuration: none, register or all. `keepStore`: start again on what the folder holds. `port`: of a server before.
 *  `yaml`: more lines of the configuration. With it everybody has a mailbox, `u0@bench.example` …. */
export async function startLamplight({ main, folder, users = 10_000, require = "none", keepStore = false, port: wantedPort, durability, yaml = [] }) {
  const [port, webPort] = wantedPort === undefined ? [await freePort(), await freePort()] : [wantedPort, await freePort()];
  const address = `127.0.0.1:${port}`;
  const data = join(folder, "data");
  if (!keepStore) rmSync(data, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const config = [
    "domain: bench.example",
    `listen: [udp://${address}, tcp://${address}]`,
    `authentication: { require: ${require} }`,
    `web: { listen: "http://127.0.0.1:${webPort}", auth: none }`,
    "log: { level: warn }",
    "directory: ./directory.yaml",
    ...(durability === undefined ? [] : [`durability: ${durability}`]),
    ...yaml,
  ];
  writeFileSync(join(folder, "lamplight.yaml"), `${config.join("\n")}\n`, { mode: 0o600 });
  const people = Array.from({ length: users }, (_, at) => `  - { id: u${at}, password: secret${yaml.length === 0 ? "" : `, mailbox: u${at}@bench.example`} }\n`);
  writeFileSync(join(folder, "directory.yaml"), `users:\n  - { id: caller, password: secret }\n${people.join("")}`, { mode: 0o600 });

  const startedMs = performance.now();
  const logPath = join(folder, "server.log");
  // The inspector stays closed until someone asks for it (rig/heap.mjs); it would then take any free port.
  const child = startPinned(serverCore, process.execPath, [main, "start", "--config", join(folder, "lamplight.yaml"), "--data", data], { stdio: ["ignore", "pipe", "pipe"], env: { NODE_OPTIONS: "--inspect-port=0" } });
  const log = createWriteStream(logPath, { flags: keepStore ? "a" : "w" });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  child.once("close", () => log.end());
  const server = {
    name,
    address,
    port,
    pid: child.pid,
    data,
    logPath,
    startMs: 0,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    /** All numbers of /metrics: `name` or `name{label="value"}`. */
    metrics: () => readMetrics(`http://127.0.0.1:${webPort}/metrics`),
    /** What was logged, warnings of the start apart. */
    complaints: () => readFileSync(logPath, "utf8").split("\n").filter((line) => /"level":"?(warn|error|fatal|40|50|60)|Error|^\s+at /.test(line)),
    stop: (signal) => endProgram(child, signal),
  };
  for (let tries = 0; tries < 1200; tries++) {
    if (!server.isRunning()) break;
    const answer = await fetch(`http://127.0.0.1:${webPort}/healthz`).catch(() => null);
    if (answer?.ok === true) return { ...server, startMs: performance.now() - startedMs };
    await sleep(50);
  }
  await server.stop();
  throw new Error(`the server did not start: ${readFileSync(logPath, "utf8").slice(-2000)}`);
}

async function readMetrics(url) {
  const text = await fetch(url).then((answer) => answer.text(), () => "");
  return Object.fromEntries([...text.matchAll(/^lamplight_([a-z_]+(?:\{[^}]*\})?) ([\d.e+-]+)$/gm)].map(([, name_, value]) => [name_, Number(value)]));
}

/** A TCP port of loopback that is free now. */
function freePort() {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.once("error", failed);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}
