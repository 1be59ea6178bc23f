import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually, scratchFolder, startProgram } from "./program.ts";
import type { Program } from "./program.ts";
import { freePort, serverAddress } from "./surroundings.ts";

/** The built server, run as its users run it: a process of its own with a configuration file and a data folder. */
export interface Lamplight {
  /** Where phones register: `10.88.0.1:5060`, UDP and TCP. */
  readonly sip: string;
  /** Where browsers register: `ws://10.88.0.1:8088/sip`. */
  readonly webSocket: string;
  readonly domain: string;
  readonly data: string;
  /** The configuration file. */
  readonly config: string;
  program(): Program;
  /** What `GET path` answers. */
  get(path: string): Promise<unknown>;
  /** Sets a person's state as a page would. */
  setPresence(user: string, state: object): Promise<void>;
  /** Sets a person's message lamp. */
  setMessages(user: string, summary: object): Promise<void>;
  /** Resolves once `user` has a contact registered. */
  registered(user: string): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** kill -9, as a power cut of the process. */
  crash(): Promise<void>;
  /** Starts again with the same configuration, addresses and data; resolves once it is healthy. */
  start(): Promise<void>;
}

/** Who and what the server serves. */
export interface LamplightSettings {
  readonly domain?: string;
  readonly users: readonly { readonly id: string; readonly name?: string; readonly password: string; readonly mailbox?: string }[];
  readonly require?: "all" | "register" | "none";
  /** Default: a free one. */
  readonly sipPort?: number;
  /** More lines of the configuration. */
  readonly yaml?: string;
}

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

/** Writes a configuration, starts the built server and waits until it is healthy. */
export async function startLamplight({ domain = "tel.example.test", users, require = "all", sipPort, yaml = "" }: LamplightSettings): Promise<Lamplight> {
  const folder = scratchFolder("server");
  const sip = `${serverAddress}:${sipPort ?? (await freePort(serverAddress))}`;
  const webSocket = `ws://${serverAddress}:${await freePort(serverAddress)}/sip`;
  const web = `http://127.0.0.1:${await freePort("127.0.0.1")}`;
  const config = join(folder, "lamplight.yaml");
  const data = join(folder, "data");
  writeFileSync(
    config,
    `domain: ${domain}
node: interop
listen:
  - udp://${sip}
  - tcp://${sip}
  - ${webSocket}
authentication: { require: ${require}, algorithms: [MD5] }
web: { listen: "${web}", auth: none }
log: { level: debug, sip: true }
directory: ./directory.yaml
${yaml}`,
  );
  const people = users.map(({ id, name, password, mailbox }) => `  - { id: ${JSON.stringify(id)}, name: ${JSON.stringify(name ?? `User ${id}`)}, password: ${JSON.stringify(password)}${mailbox === undefined ? "" : `, mailbox: ${JSON.stringify(mailbox)}`} }\n`);
  writeFileSync(join(folder, "directory.yaml"), `users:\n${people.join("")}`);

  let program: Program;
  const get = async (path: string): Promise<unknown> => {
    const answer = await fetch(web + path);
    if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const tail = (): string => program.lines().slice(-40).join("\n");
  const server: Lamplight = {
    sip,
    webSocket,
    domain,
    data,
    config,
    program: () => program,
    get,
    setPresence: async (user, state) => {
      const answer = await fetch(`${web}/api/presence/${user}`, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify(state) });
      if (!answer.ok) throw new Error(`PUT ${JSON.stringify(state)}: ${answer.status} ${await answer.text()}`);
    },
    setMessages: async (user, summary) => {
      const answer = await fetch(`${web}/api/message-summary/${user}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(summary) });
      if (!answer.ok) throw new Error(`POST ${JSON.stringify(summary)}: ${answer.status} ${await answer.text()}`);
    },
    registered: async (user) => {
      await eventually(
        async () => {
          const list = (await get("/api/registrations")) as readonly { readonly aor: string; readonly contacts: readonly unknown[] }[];
          return list.find(({ aor, contacts }) => aor === `sip:${user}@${domain}` && contacts.length > 0) ?? null;
        },
        () => `${user} is not registered:\n${tail()}`,
      );
    },
    stop: () => {
      program.signal("SIGTERM");
      return program.exit(6000);
    },
    crash: () => program.kill(),
    start: async () => {
      program = startProgram(process.execPath, [main, "start", "--config", config, "--data", data], { cwd: folder });
      await eventually(
        async () => {
          if (program.hasEnded()) throw new Error(`the server ended:\n${tail()}`);
          return (await isHealthy(web)) ? true : null;
        },
        () => `the server is not healthy:\n${tail()}`,
      );
    },
  };
  await server.start();
  return server;
}

async function isHealthy(web: string): Promise<boolean> {
  try {
    return (await fetch(`${web}/healthz`)).status === 200;
  } catch {
    return false;
  }
}
