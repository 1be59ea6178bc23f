import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, type Cancel, type Clock } from "./base/clock.ts";
import { ConfigError, UnavailableError } from "./base/errors.ts";
import { silentLog } from "./base/log.ts";
import { randomHex, seededRandom, systemRandom, type Random } from "./base/random.ts";
import type { Config } from "./config/config.ts";
import { loadConfig } from "./config/loader.ts";
import { cast, castDirectory, PEOPLE_MAX, PEOPLE_MIN, type Cast, type DemoPerson } from "./demo/cast.ts";
import { DemoPhone } from "./demo/demo-phone.ts";
import { OfficeDay } from "./demo/office-day.ts";
import { startService, type Service } from "./service.ts";
import { systemTransports } from "./sip/transport/system-transports.ts";
import type { Environment } from "./system-world.ts";

/** What `lamplight demo` was asked, as text. */
export interface DemoOptions {
  /** Minutes of the office in a real one. */
  readonly speed: string;
  readonly people: string;
  /** Empty: another day each time. */
  readonly seed: string;
}

/** A demo that runs. */
export interface Demo {
  /** Where the pages are. */
  readonly url: string;
  /** What lets one in. */
  readonly token: string;
  readonly people: readonly DemoPerson[];
  /** The configuration of its server, for the commands that ask one. */
  readonly config: string;
  /** What is going on: `09:42 · 31 here · 4 calls · …`. */
  summary(): string;
  /** Ends the phones and the server, and removes what it wrote. */
  stop(): Promise<void>;
}

const DOMAIN = "office.example.test";
const LOOPBACK = "127.0.0.1";
const TOKEN_BYTES = 5;
const SPEED_MAX = 600;
const STATUS_MS = 1000;

/** A server on loopback ports and in a folder of its own, and an office full of phones that use it over SIP: nothing of the user's is read or written. Throws ConfigError for
 *  arguments that are out of range, UnavailableError when it cannot start. */
export async function startDemo(options: DemoOptions, env: Environment): Promise<Demo> {
  const speed = numberOf(options.speed, "--speed", 1, SPEED_MAX);
  const count = numberOf(options.people, "--people", PEOPLE_MIN, PEOPLE_MAX);
  const seed = options.seed === "" ? systemRandom().below(1 << 30) : numberOf(options.seed, "--seed", 0, 2 ** 31);
  const folder = mkdtempSync(join(tmpdir(), "lamplight-demo-"));
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    return await demoIn({ folder, remove, speed, env, random: seededRandom(seed), seed, count });
  } catch (err) {
    remove();
    throw err;
  }
}

interface DemoParts {
  readonly folder: string;
  readonly remove: () => void;
  readonly speed: number;
  readonly env: Environment;
  readonly random: Random;
  readonly seed: number;
  readonly count: number;
}

async function demoIn({ folder, remove, speed, env, random, seed, count }: DemoParts): Promise<Demo> {
  const members = cast(count, random);
  const token = randomHex(systemRandom(), TOKEN_BYTES);
  const [sipPort, webPort] = await Promise.all([freePort(), freePort()]);
  const url = `http://${LOOPBACK}:${String(webPort)}`;
  writeFileSync(
    join(folder, "lamplight.yaml"),
    `domain: ${DOMAIN}\nnode: demo\nlisten: ["udp://${LOOPBACK}:${String(sipPort)}"]\nstore: ./data\ndirectory: ./directory.yaml\nlog: { level: error }\nweb: { listen: "${url}", token: "${token}" }\n`,
    { mode: 0o600 },
  );
  writeFileSync(join(folder, "directory.yaml"), castDirectory(members), { mode: 0o600 });
  const load = (): ReturnType<typeof loadConfig> => loadConfig(join(folder, "lamplight.yaml"), {}, systemClock.now());
  const loaded = load();
  const service = await startService(loaded, load, env, () => undefined);
  const phones = await phonesOf(members, loaded.config, sipPort, random).catch(async (err: unknown) => {
    await service.stop();
    throw err;
  });
  const day = new OfficeDay({ clock: systemClock, random, cast: members, phones, speed, say: speaker(url, token) });
  day.start();
  return {
    url,
    token,
    people: members.people,
    config: join(folder, "lamplight.yaml"),
    summary() {
      const { time, here, calls, meeting, lunch } = day.summary;
      return `${time} in the office · ${String(here)} of ${String(count)} here · ${String(calls)} ${calls === 1 ? "call" : "calls"} · ${String(meeting)} in meetings · ${String(lunch)} at lunch · seed ${String(seed)}`;
    },
    stop: () => ended(day, phones, service, remove),
  };
}

/** Runs a demo until `untilEnd` resolves; prints where it is and how to sign in, and goes on telling what happens where `status` shows it (a terminal). */
export async function runDemo(options: DemoOptions, env: Environment, print: (text: string) => void, status: ((text: string) => void) | null, untilEnd: Promise<void>, clock: Clock = systemClock): Promise<number> {
  const demo = await startDemo(options, env);
  const [someone] = demo.people.slice(1);
  print(
    `A demo of Lamplight: ${String(demo.people.length)} phones on this machine alone, made-up people, a day in ${dayLength(options.speed)}.\n\n` +
      `  wallboard   ${demo.url}\n  sign in     with the token ${demo.token}\n` +
      (someone === undefined ? "" : `              or as a person: ${someone.id} (${someone.name}), password ${someone.password}\n`) +
      (someone === undefined ? "" : `  commands    lamplight why ${someone.id} --config ${demo.config}\n`) +
      `\nIt keeps nothing. Ctrl-C ends it.\n`,
  );
  const telling: { next: Cancel } = { next: () => undefined };
  const tell = (): void => {
    status?.(demo.summary());
    telling.next = clock.after(STATUS_MS, tell);
  };
  if (status !== null) tell();
  await untilEnd;
  telling.next();
  status?.("");
  await demo.stop();
  print("the demo has ended\n");
  return 0;
}

function dayLength(speed: string): string {
  const minutes = Math.round((10.5 * 60) / Number(speed));
  return minutes < 2 ? "about a minute" : `about ${String(minutes)} minutes`;
}

async function phonesOf(members: Cast, config: Config, port: number, random: Random): Promise<ReadonlyMap<string, DemoPhone>> {
  const phones = [...members.people, members.trunk].map(
    (account) =>
      new DemoPhone({
        account,
        domain: config.domain,
        server: { address: LOOPBACK, port },
        transports: () => systemTransports({ listen: [{ url: `udp://${LOOPBACK}:0` }], clock: systemClock, log: silentLog }),
        clock: systemClock,
        random,
        log: silentLog,
      }),
  );
  await Promise.all(phones.map((phone) => phone.plug()));
  return new Map(phones.map((phone) => [phone.account.id, phone]));
}

/** Says states through the API, as a calendar's bridge would. What the server does not take is not said: the day goes on. */
function speaker(url: string, token: string): ConstructorParameters<typeof OfficeDay>[0]["say"] {
  return (id, state) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const how = state === null ? { method: "DELETE", headers: { authorization: headers.authorization } } : { method: "PUT", headers, body: JSON.stringify({ ...state, expires_seconds: 3600 }) };
    fetch(`${url}/api/presence/${id}`, how)
      .then((answer) => answer.body?.cancel())
      .catch(() => undefined);
  };
}

async function ended(day: OfficeDay, phones: ReadonlyMap<string, DemoPhone>, service: Service, remove: () => void): Promise<void> {
  day.stop();
  await Promise.all([...phones.values()].map((phone) => phone.unplug()));
  await service.stop();
  remove();
}

function numberOf(text: string, name: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || text.trim() === "" || value < min || value > max) throw new ConfigError([`${name} ${text}: write a whole number from ${String(min)} to ${String(max)}`]);
  return value;
}

/** A TCP port that nobody uses now; UDP is taken to be free there, too. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (cause) => {
      reject(new UnavailableError("no port is free on this machine", { cause }));
    });
    probe.listen(0, LOOPBACK, () => {
      const found = probe.address();
      probe.close(() => {
        resolve(typeof found === "object" && found !== null ? found.port : 0);
      });
    });
  });
}
