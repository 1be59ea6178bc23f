import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import type { CalendarWorld } from "../../src/calendar/calendars.ts";
import { silentLog, type Log } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { loadConfig } from "../../src/config/loader.ts";
import { recordFiles } from "../../src/presence/record-files.ts";
import { createServer, type Server } from "../../src/server.ts";
import type { Resolver } from "../../src/sip/resolver/resolve.ts";
import { systemTransports, type SystemTransports } from "../../src/sip/transport/system-transports.ts";
import type { TransportLimits } from "../../src/sip/transport/limits.ts";
import type { Protocol } from "../../src/sip/transport/transport.ts";
import { memoryStore, type MemoryStore } from "../../src/store/memory-store.ts";
import { chosenUdpEngine } from "../sip/transport/udp-engines.ts";
import { Phone, type Line } from "./phone.ts";

export const DOMAIN = "tel.example.test";

/** A whole server on loopback ports of its own, started from ordinary configuration text, and phones on it. */
export class Stage {
  server: Server;
  transports: SystemTransports;
  store: MemoryStore;
  readonly folder: string;
  readonly #phones: Phone[] = [];

  private constructor(folder: string, store: MemoryStore, server: Server, transports: SystemTransports) {
    this.folder = folder;
    this.store = store;
    this.server = server;
    this.transports = transports;
  }

  /** `yaml`: more lines of the configuration; `files`: beside it, by name; `people`: the directory, default five users 101-105 with passwords `secret-101` …. */
  static async start(parts: { yaml?: string; people?: string; listen?: string; resolver?: Resolver; limits?: Partial<TransportLimits>; files?: Readonly<Record<string, string>>; world?: More } = {}): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), "lamplight-flow-"));
    for (const [name, text] of Object.entries(parts.files ?? {})) writeFileSync(join(folder, name), text);
    const listen = parts.listen ?? "[udp://127.0.0.1:0, tcp://127.0.0.1:0]";
    writeFileSync(join(folder, "lamplight.yaml"), `domain: ${DOMAIN}\nlisten: ${listen}\nstore: ./data\ndirectory: ./directory.yaml\n${parts.yaml ?? ""}`);
    writeFileSync(join(folder, "directory.yaml"), parts.people ?? PEOPLE);
    const store = memoryStore({ node: "stage", clock: systemClock });
    const { server, transports } = await serve(folder, store, parts.resolver ?? nowhere, parts.limits, parts.world);
    return new Stage(folder, store, server, transports);
  }

  /** The address of the first listener of that protocol. */
  address(protocol: Protocol): { address: string; port: number } {
    const listener = this.transports.listeners.find((one) => one.protocol === protocol);
    if (listener === undefined) throw new Error(`no listener for ${protocol}`);
    return { address: listener.address, port: listener.port };
  }

  async phone(user: string, protocol: "udp" | "tcp" | "tls" = "udp", more: Partial<Line> = {}): Promise<Phone> {
    const phone = await Phone.open({ user, domain: DOMAIN, password: `secret-${user}`, protocol, server: this.address(protocol), ...more });
    this.#phones.push(phone);
    return phone;
  }

  /** Stops the server and starts another one on the same ports with the same store, as a restart would. */
  async restart(yaml = ""): Promise<void> {
    const listen = this.transports.listeners.map((listener) => `${listener.protocol}://${listener.address.includes(":") ? `[${listener.address}]` : listener.address}:${listener.port}`);
    await this.server.stop();
    const text = `domain: ${DOMAIN}\nlisten: [${listen.map((url) => `"${url}"`).join(", ")}]\nstore: ./data\ndirectory: ./directory.yaml\n${yaml}`;
    writeFileSync(join(this.folder, "lamplight.yaml"), text);
    this.store = this.store.crashed();
    const next = await serve(this.folder, this.store, nowhere);
    this.server = next.server;
    this.transports = next.transports;
  }

  /** Takes over another directory, as SIGHUP does. */
  reload(people: string): void {
    writeFileSync(join(this.folder, "directory.yaml"), people);
    this.server.directory.replace(loadConfig(join(this.folder, "lamplight.yaml"), {}).directory);
  }

  async stop(): Promise<void> {
    for (const phone of this.#phones) await phone.close();
    await this.server.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const PEOPLE = `users:\n${["101", "102", "103", "104", "105"].map((id) => `  - { id: "${id}", name: Person ${id}, aliases: [user${id}], password: secret-${id} }\n`).join("")}`;

/** What a stage may have besides: where calendars are reached, and a log that somebody reads. */
interface More {
  readonly calendars?: CalendarWorld;
  readonly log?: Log;
}

/** Knows IP addresses and no name. */
const nowhere: Resolver = {
  resolve: ({ host, port, transport }) => (/^[\d.:a-f]+$/i.test(host) ? [{ protocol: transport ?? "udp", address: host, port: port ?? 5060 }] : []),
};

async function serve(folder: string, store: MemoryStore, resolver: Resolver, more: Partial<TransportLimits> = {}, world: More = {}): Promise<{ server: Server; transports: SystemTransports }> {
  const { config, directory } = loadConfig(join(folder, "lamplight.yaml"), {});
  const clock = systemClock;
  const { log = silentLog } = world;
  const limits = { messageBytes: config.limits.messageBytesMax, ...more };
  const transports = systemTransports({ listen: config.listen, clock, log, limits, udpEngine: chosenUdpEngine });
  const server = createServer(config, directory, { clock, random: systemRandom(), transports, store, resolver, log, record: recordFiles({ folder: join(folder, "history"), bytesMax: config.presence.historyBytesMax }), ...(world.calendars === undefined ? {} : { calendars: world.calendars }) });
  await server.start();
  return { server, transports };
}
