import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock, timeStandsStill } from "./base/clock.ts";
import { UnavailableError } from "./base/errors.ts";
import { createLog, type Log } from "./base/log.ts";
import { systemRandom } from "./base/random.ts";
import { calendarProcess } from "./calendar/calendar-process.ts";
import type { CalendarWorld } from "./calendar/calendars.ts";
import type { Config } from "./config/config.ts";
import { dnsCache } from "./dns/cache.ts";
import { dnsClient } from "./dns/client.ts";
import { hostsFirst } from "./dns/hosts-file.ts";
import { parseResolvConf } from "./dns/name-servers.ts";
import { createResolver } from "./sip/resolver/resolve.ts";
import { useNativeScan } from "./sip/native-scan.ts";
import { nativeUdpEngine } from "./sip/transport/native-udp.ts";
import { systemTransports, type SystemTransports } from "./sip/transport/system-transports.ts";
import { nodeUdpEngine, type UdpEngine } from "./sip/transport/udp.ts";
import { openEmbeddedStore } from "./store/embedded-store.ts";
import type { Store } from "./store/store.ts";
import { recordFiles } from "./presence/record-files.ts";
import type { World } from "./server.ts";

/** Environment variables. `LAMPLIGHT_UDP=dgram` has node's own sockets carry UDP even where the native engine is built. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where `npm run build:native` leaves the native engine: beside `src` and beside `dist`. */
const NATIVE_UDP = fileURLToPath(new URL("../native/build/udp.node", import.meta.url));
const NATIVE_SCAN = fileURLToPath(new URL("../native/build/scan.node", import.meta.url));
const NATIVE_JOURNAL = fileURLToPath(new URL("../native/build/journal.node", import.meta.url));
/** The store's thread, as `npm run build` makes it. */
const JOURNAL_WORKER = fileURLToPath(new URL("../dist/journal-worker.js", import.meta.url));

/** The program that reads calendars, as `npm run build` makes it. */
const CALENDAR_PROGRAM = fileURLToPath(new URL("../dist/calendar-program.js", import.meta.url));

/** The real world: this machine's clock, sockets, name servers and disk; `udpEngine` says what moves datagrams, and why. Throws UnavailableError when the store cannot be opened. */
export async function systemWorld(config: Config, env: Environment, onStuck: () => void = () => undefined): Promise<World & { readonly transports: SystemTransports; readonly udpEngine: string }> {
  const clock = systemClock;
  const random = systemRandom();
  const log: Log = createLog(config.log.level);
  const udp = chooseUdpEngine(env);
  scanNatively();
  let store: Store | null = null;
  const transports = systemTransports({
    // Acknowledged means journalled: what an answer promises is in the kernel's hands before it leaves.
    beforeLeave: () => store?.commit(),
    batch: timeStandsStill,
    listen: config.listen,
    clock,
    log,
    udpEngine: udp.engine,
    limits: {
      messageBytes: config.limits.messageBytesMax,
      connections: config.limits.connectionsMax,
      connectionsPerAddress: config.limits.connectionsPerAddressMax,
    },
  });
  const configured = parseResolvConf(readText("/etc/resolv.conf"));
  const servers = config.resolverServers.length > 0 ? config.resolverServers : configured.servers;
  const client = dnsClient({ servers, clock, random, timeoutMs: configured.timeoutMs, attempts: configured.attempts });
  const protocols = [...new Set(transports.listeners.map((listener) => listener.protocol))];
  const addresses = transports.listeners.map((listener) => listener.address);
  const families = (["ipv4", "ipv6"] as const).filter((family) => addresses.some((address) => address.includes(":") === (family === "ipv6")));
  const resolver = createResolver({ dns: hostsFirst(readText("/etc/hosts"), dnsCache({ client, clock })), speaks: protocols, families, random });
  const opened = await openEmbeddedStore({
    folder: config.storePath,
    node: config.node,
    clock,
    log,
    programs: { workerPath: JOURNAL_WORKER, nativePath: env["LAMPLIGHT_JOURNAL"] === "file" ? null : NATIVE_JOURNAL },
    durability: config.durability,
    onStuck,
  });
  store = opened;
  return { clock, random, transports, store: opened, resolver, log, ...openRecord(config, log), calendars: calendarWorld(log), udpEngine: udp.description };
}

/** Calendars in a process that starts when the first is opened. */
export function calendarWorld(log: Log): CalendarWorld {
  const reader = calendarProcess({ programPath: CALENDAR_PROGRAM, log, clock: systemClock });
  return {
    open: (settings) => reader.open(settings),
    // Asked for by calendars alone: the first look takes longer than everything else here.
    get zone() {
      return new Intl.DateTimeFormat().resolvedOptions().timeZone;
    },
    close: () => reader.close(),
  };
}

/** A server that cannot keep its past still serves. */
function openRecord(config: Config, log: Log): Pick<World, "record"> {
  try {
    return { record: recordFiles({ folder: join(config.storePath, "history"), bytesMax: config.presence.historyBytesMax }) };
  } catch (err) {
    if (!(err instanceof UnavailableError)) throw err;
    log.warn({ err }, "what was so when cannot be kept");
    return {};
  }
}

function chooseUdpEngine(env: Environment): { readonly engine: UdpEngine; readonly description: string } {
  if (env["LAMPLIGHT_UDP"] === "dgram") return { engine: nodeUdpEngine, description: "node (LAMPLIGHT_UDP=dgram)" };
  try {
    return { engine: nativeUdpEngine(NATIVE_UDP), description: "native" };
  } catch (err) {
    if (!(err instanceof UnavailableError)) throw err;
    return { engine: nodeUdpEngine, description: `node (${err.message})` };
  }
}

function scanNatively(): void {
  try {
    useNativeScan(NATIVE_SCAN);
  } catch (err) {
    // JavaScript finds the same, more slowly.
    if (!(err instanceof UnavailableError)) throw err;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
