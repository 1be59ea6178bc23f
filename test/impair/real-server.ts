import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { pid } from "node:process";
import { fileURLToPath } from "node:url";
import { threadId } from "node:worker_threads";
import { build } from "esbuild";
import { eventually, scratchFolder, startProgram, type Program } from "../interop/program.ts";

/** The real program in a process of its own, with a folder that outlives it. */
export interface RealServer {
  readonly port: number;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts it on what is in its folder; resolves once it is healthy. */
  start(): Promise<void>;
  /** What `GET path` answers. */
  get(path: string): Promise<string>;
  /** The number of its process, while it runs. */
  pid(): number;
  /** Its log, newest last. */
  lines(): readonly string[];
  /** `http://127.0.0.1:PORT`, open to whoever asks. */
  readonly web: string;
  /** Where its configuration, its directory (`directory.yaml`) and its store (`data`) are. */
  readonly folder: string;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  signal(signal: NodeJS.Signals): void;
  /** Runs `lamplight ARGS --config …` as an operator would. */
  command(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }>;
}

/** What a test may want otherwise. */
export interface RealServerOptions {
  /** More variables of the server's environment, made for its folder. */
  readonly env?: (folder: string) => NodeJS.ProcessEnv;
  /** The directory, when not `users` alone. */
  readonly people?: string;
  /** False: the test starts it. */
  readonly isStarted?: boolean;
}

const ADDRESS = "127.0.0.1";
const ROOT = new URL("../../", import.meta.url);
const at = (path: string): string => fileURLToPath(new URL(path, ROOT));

/** Bundles the program, writes a configuration for `users` (passwords `secret-USER`) and starts it. */
export async function realServer(domain: string, users: readonly string[], yaml: string, options: RealServerOptions = {}): Promise<RealServer> {
  const main = await bundledProgram();
  const folder = scratchFolder("impaired");
  const port = await freeUdpPort();
  const web = `http://${ADDRESS}:${await freeTcpPort()}`;
  const config = join(folder, "lamplight.yaml");
  writeFileSync(config, `domain: ${domain}\nlisten: [udp://${ADDRESS}:${port}]\nstore: ./data\nauthentication: { algorithms: [MD5] }\nweb: { listen: "${web}", auth: none }\ndirectory: ./directory.yaml\n${yaml}`);
  writeFileSync(join(folder, "directory.yaml"), options.people ?? `users:\n${users.map((id) => `  - { id: "${id}", name: Person ${id}, password: secret-${id} }\n`).join("")}`, { mode: 0o600 });
  let program: Program;
  const start = async (): Promise<void> => {
    program = startProgram(process.execPath, [main, "start", "--config", config], { cwd: folder, env: { ...process.env, ...options.env?.(folder) } });
    await eventually(
      async () => {
        if (program.hasEnded()) throw new Error(`the server ended:\n${program.lines().slice(-20).join("\n")}`);
        return (await fetch(`${web}/healthz`).catch(() => null))?.status === 200 ? true : null;
      },
      () => `the server is not healthy:\n${program.lines().slice(-20).join("\n")}`,
      { everyMs: 20, withinMs: 60_000 },
    );
  };
  if (options.isStarted !== false) await start();
  return {
    port,
    web,
    folder,
    start,
    kill: () => program.kill(),
    stop: () => {
      program.signal("SIGTERM");
      return program.exit(8000);
    },
    signal: (signal) => {
      program.signal(signal);
    },
    get: async (path) => (await fetch(web + path)).text(),
    pid: () => program.pid,
    lines: () => program.lines(),
    command: (...args) =>
      new Promise((done) => {
        execFile(process.execPath, [main, ...args, "--config", config], { cwd: folder }, (err, out, text) => {
          done({ code: err === null ? 0 : Number(err.code ?? -1), out, err: text });
        });
      }),
  };
}

/** The program as `npm run build` makes it, in a place of its own: the built one may be another version's, and other tests bundle at the same time. */
export function bundledProgram(): Promise<string> {
  program ??= bundle();
  return program;
}

let program: Promise<string> | null = null;

async function bundle(): Promise<string> {
  const place = at(`node_modules/.cache/lamplight-test/program-${String(pid)}-${String(threadId)}`);
  const outfile = join(place, "dist/main.js");
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  for (const name of ["native", "package.json", "web"]) symlinkSync(at(name), join(place, name));
  process.once("exit", () => {
    rmSync(place, { recursive: true, force: true });
  });
  const how = { bundle: true, platform: "node", target: "node20", format: "esm", packages: "external", logLevel: "error" } as const;
  await build({ ...how, entryPoints: [at("src/store/journal-worker.ts")], outfile: join(place, "dist/journal-worker.js") });
  await build({ ...how, entryPoints: [at("src/calendar/calendar-program.ts")], outfile: join(place, "dist/calendar-program.js") });
  await build({ ...how, entryPoints: [at("src/calendar/ews-hints-worker.ts")], outfile: join(place, "dist/ews-hints-worker.js") });
  await build({ ...how, entryPoints: [at("src/entry.ts")], outfile });
  return outfile;
}

/** A UDP port that nobody uses. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4");
  socket.bind(0, ADDRESS);
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return port;
}

async function freeTcpPort(): Promise<number> {
  const server = createServer();
  server.listen(0, ADDRESS);
  await once(server, "listening");
  const found = server.address();
  server.close();
  return found !== null && typeof found === "object" ? found.port : 0;
}
