import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { UnavailableError } from "../base/errors.ts";
import { randomHex } from "../base/random.ts";
import type { Random } from "../base/random.ts";
import { fileTrouble } from "./certificate.ts";

/** What the machine is known as to phones. */
export interface HostInfo {
  /** This machine's addresses, loopback ones left out: the first IPv4 one is what phones are pointed at. */
  readonly addresses: readonly string[];
}

/** A user that was made up, with the password that is told once. */
export interface FirstUser {
  readonly id: string;
  readonly name: string;
  readonly alias: string;
  readonly password: string;
}

/** What a first start made. */
export interface FirstRun {
  readonly files: readonly string[];
  readonly domain: string;
  /** Empty when the directory file was there already. */
  readonly users: readonly FirstUser[];
  readonly token: string;
  /** What to print: where the files are, the passwords, how to point a phone here, the web address and its token. */
  readonly lines: readonly string[];
}

const firstDomain = "lamplight.internal";
const webUrl = "http://127.0.0.1:8080";
const people = [
  { id: "101", name: "Alice Adams", alias: "alice" },
  { id: "102", name: "Bob Brown", alias: "bob" },
  { id: "103", name: "Carol Clark", alias: "carol" },
  { id: "104", name: "Dan Dover", alias: "dan" },
];
/** Letters and digits that are not mistaken for one another, on paper or on a phone's keys: no 0, o, 1, l, i. */
const passwordLetters = "abcdefghjkmnpqrstuvwxyz23456789";
/** 31^12: about 59 bits. */
const passwordLength = 12;
const privateMode = 0o600;

/** Makes a configuration at `path` and a directory file beside it, with four users, random passwords and a random web token, for the owner's eyes alone.
 *  Overwrites nothing: an existing directory file is kept, an existing configuration is an UnavailableError, as is a folder that cannot be written. */
export function writeFirstConfig(path: string, random: Random, hostInfo: HostInfo): FirstRun {
  const directoryPath = join(dirname(path), "directory.yaml");
  const isNewDirectory = !existsSync(directoryPath);
  const users = isNewDirectory ? firstUsers(random) : [];
  const token = randomHex(random, 16);
  if (existsSync(path)) throw new UnavailableError(`${path} exists already: it is not overwritten`);
  write(directoryPath, isNewDirectory ? directoryText(users) : null);
  write(path, configText(token));
  const files = isNewDirectory ? [path, directoryPath] : [path];
  return { files, domain: firstDomain, users, token, lines: greeting(files, directoryPath, users, token, hostInfo) };
}

function write(path: string, text: string | null): void {
  if (text === null) return;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode: privateMode, flag: "wx" });
  } catch (cause) {
    throw new UnavailableError(`${path} cannot be written (${fileTrouble(cause)})`, { cause });
  }
}

function firstUsers(random: Random): FirstUser[] {
  const taken = new Set<string>();
  return people.map((person) => {
    let password = randomPassword(random);
    while (taken.has(password)) password = randomPassword(random);
    taken.add(password);
    return { ...person, password };
  });
}

function randomPassword(random: Random): string {
  return Array.from({ length: passwordLength }, () => passwordLetters.charAt(random.below(passwordLetters.length))).join("");
}

function greeting(files: readonly string[], directoryPath: string, users: readonly FirstUser[], token: string, { addresses }: HostInfo): string[] {
  const server = addresses.find((address) => !address.includes(":")) ?? addresses[0] ?? "127.0.0.1";
  const made = `There was no configuration, so this one was made: ${files.join(" and ")}`;
  const passwords = users.map(({ id, name, password }) => `  ${id}  ${name.padEnd(12)}  password ${password}`);
  return [
    made,
    "",
    ...(users.length === 0 ? [`The users are those of ${directoryPath}.`] : ["Users (their passwords are shown this once; the file keeps them):", ...passwords]),
    "",
    "Point a phone here:",
    `  server or domain  ${server}     (port 5060, TCP or UDP; the domain ${firstDomain} works too, with ${server} as outbound proxy)`,
    "  user name         101           (also the authentication name)",
    "  password          the one above",
    "Give two phones two users, and let 101 call 102.",
    "",
    `Web pages: ${webUrl}   token ${token}`,
  ];
}

function configText(token: string): string {
  return `# Lamplight: the configuration of this server. Every key is described in docs/configuration.md;
# lamplight.example.yaml shows more of them. After a change: "lamplight check", then send SIGHUP or start anew.

# The SIP domain: 101 is sip:101@${firstDomain}. Each address of this machine works in its place.
# A change needs no change of the passwords in directory.yaml.
domain: ${firstDomain}

# Where phones connect: every network card, UDP and TCP.
listen:
  - udp://0.0.0.0:5060
  - tcp://0.0.0.0:5060

# What must survive a restart is kept here.
store: ./data

# The web pages and the API, for this machine alone. The token is their password.
web:
  listen: ${webUrl}
  token: "${token}"

# The people and their passwords.
directory: ./directory.yaml
`;
}

function directoryText(users: readonly FirstUser[]): string {
  const entries = users.map(
    ({ id, name, alias, password }) => `  - id: "${id}"
    name: ${name}
    aliases: [${alias}]
    password: "${password}"
`,
  );
  return `# The people of this server. Each phone registers with an id and its password; every password was made at random.
# id: what the phone registers as, and what others dial. name: what their phones show. aliases: other names for the same person.
users:
${entries.join("")}`;
}
