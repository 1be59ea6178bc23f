import { createSocket } from "node:dgram";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
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
  /** Its log, newest last. */
  lines(): readonly string[];
}

const ADDRESS = "127.0.0.1";
const ROOT = new URL("../../", import.meta.url);
const at = (path: string): string => fileURLToPath(new URL(path, ROOT));

/** Bundles the program, writes a configuration for `users` (passwords `secret-USER`) and starts it. */
export async function realServer(domain: string, users: readonly string[], yaml: string): Promise<RealServer> {
  const main = await bundled();
  const folder = scratchFolder("impaired");
  const port = await freeUdpPort();
  const web = `http://${ADDRESS}:${await freeTcpPort()}`;
  const config = join(folder, "lamplight.yaml");
  writeFileSync(config, `domain: ${domain}\nlisten: [udp://${ADDRESS}:${port}]\nstore: ./data\nauthentication: { algorithms: [MD5] }\nweb: { listen: "${web}", auth: none }\ndirectory: ./directory.yaml\n${yaml}`);
  writeFileSync(join(folder, "directory.yaml"), `users:\n${users.map((id) => `  - { id: "${id}", name: Person ${id}, password: secret-${id} }\n`).join("")}`, { mode: 0o600 });
  let program: Program;
  const start = async (): Promise<void> => {
    program = startProgram(process.execPath, [main, "start", "--config", config], { cwd: folder });
    await eventually(
      async () => {
        if (program.hasEnded()) throw new Error(`the server ended:\n${program.lines().slice(-20).join("\n")}`);
        return (await fetch(`${web}/healthz`).catch(() => null))?.status === 200 ? true : null;
      },
      () => `the server is not healthy:\n${program.lines().slice(-20).join("\n")}`,
    );
  };
  await start();
  return {
    port,
    start,
    kill: () => program.kill(),
    get: async (path) => (await fetch(web + path)).text(),
    lines: () => program.lines(),
  };
}

/** As `npm run build` does, beside the built program, which may be another version's. */
async function bundled(): Promise<string> {
  const outfile = at("dist/main-impaired.js");
  const how = { bundle: true, platform: "node", target: "node20", format: "esm", packages: "external", logLevel: "error" } as const;
  await build({ ...how, entryPoints: [at("src/main.ts")], outfile });
  await build({ ...how, entryPoints: [at("src/store/journal-worker.ts")], outfile: at("dist/journal-worker.js") });
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
