import { readFileSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { LineCounter } from "yaml";
import { ConfigError } from "../base/errors.ts";
import { calendarConfigs } from "./calendars-schema.ts";
import { fileTrouble } from "./certificate.ts";
import type { Config, DirectoryFile, Loaded } from "./config.ts";
import { directoryFile, directoryKeys, directorySchema } from "./directory-schema.ts";
import { overlap, parseListenUrl } from "./listen.ts";
import { numberDigits } from "./name-clash.ts";
import { phoneRules } from "./phones-schema.ts";
import { defaults } from "./reader.ts";
import type { ReadContext, Reading } from "./reader.ts";
import { Report, mistakeLines } from "./report.ts";
import { configKeys, configSchema } from "./schema.ts";
import { parseYaml } from "./yaml-tree.ts";
import type { Environment, ParsedFile } from "./yaml-tree.ts";

/** Larger files are refused: a directory of 100,000 users is a tenth of this. */
const fileBytesMax = 128 * 1024 * 1024;

type ConfigReading = Reading<typeof configKeys>;

/** Reads the configuration at `path` and the directory that it names. Throws `ConfigError` with the mistakes of both files, all at once.
 *  `env` fills in `${NAME}` and `token_env`; `nowMs` (milliseconds since 1970) is what certificates are judged by, without it their dates do not count. */
export function loadConfig(path: string, env: Environment, nowMs: number | null = null): Loaded {
  const main = readYaml(path, path, 0, env);
  if (main.kind === "unreadable") {
    main.report.mistake(0, `this file cannot be read (${main.trouble})`, 'write it, or name another with "--config FILE"');
    throw new ConfigError(mistakeLines(main.report.mistakes));
  }
  const folder = dirname(resolve(path));
  const read = main.root === null ? defaults(configKeys) : (configSchema.read(main.root, "", { report: main.report, env, folder, nowMs }) ?? defaults(configKeys));
  const phones = phoneRules(read.phones, read.authentication.algorithms, main.report);
  refuseWebOverlap(read, main);
  const directoryPath = resolve(folder, read.directory === "" ? "directory.yaml" : read.directory);
  const { file, report, isFound } = readDirectory(path, directoryPath, main, read, env);
  const calendars = calendarConfigs(read.calendars, isNamedBy(file), main.report);
  const mistakes = [...main.report.mistakes, ...report.mistakes];
  if (mistakes.length > 0) throw new ConfigError(mistakeLines(mistakes));
  warn(read, main.report);
  if (holdsToken(main)) warnIfOpen(path, path, "a token", main.report);
  if (file.users.some((user) => user.secret.kind !== "none")) warnIfOpen(directoryPath, report.file, "passwords", report);
  return {
    config: { ...configOf(read, folder, directoryPath), phones, calendars },
    directory: file,
    files: [resolve(path), ...(isFound ? [directoryPath] : [])],
    warnings: [...main.report.warnings, ...report.warnings],
  };
}

type YamlFile = (ParsedFile & { readonly kind: "parsed" }) | { readonly kind: "unreadable"; readonly trouble: string; readonly report: Report };

function readYaml(path: string, shown: string, order: number, env: Environment): YamlFile {
  let bytes: Buffer;
  const unread = new Report(shown, order, new LineCounter());
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    return { kind: "unreadable", trouble: fileTrouble(cause), report: unread };
  }
  if (bytes.length > fileBytesMax) return { kind: "unreadable", trouble: "it is larger than 128 MB", report: unread };
  const text = bytes.toString("utf8").replace(/^\uFEFF/, "");
  const parsed = parseYaml(text, shown, order, env);
  if (!Buffer.from(text, "utf8").equals(bytes.subarray(bytes.length - Buffer.byteLength(text)))) {
    parsed.report.mistake(Math.max(0, text.indexOf("\uFFFD")), "this is not UTF-8 text", "save the file as UTF-8");
  }
  return { kind: "parsed", ...parsed };
}

function readDirectory(configPath: string, directoryPath: string, main: YamlFile & ParsedFile, read: ConfigReading, env: Environment): { file: DirectoryFile; report: Report; isFound: boolean } {
  const written = read.directory === "" ? "directory.yaml" : read.directory;
  const shown = isAbsolute(written) ? written : join(dirname(configPath), written);
  const yaml = readYaml(directoryPath, shown, 1, env);
  if (yaml.kind === "unreadable") {
    const value = main.root?.entries.find((entry) => entry.key === "directory")?.value;
    if (value !== undefined && read.directory !== "") main.report.mistake(value.offset, `${shown} cannot be read (${yaml.trouble})`, "make the file, or write the path of another");
    else if (yaml.trouble !== "no such file") yaml.report.mistake(0, `this file cannot be read (${yaml.trouble})`, 'mend it, or write "directory: FILE" in the configuration');
    else yaml.report.warn(`there is no ${shown}: nobody can register`);
    return { file: { users: [] }, report: yaml.report, isFound: false };
  }
  if (yaml.root === null) return { file: { users: [] }, report: yaml.report, isFound: true };
  const context: ReadContext = { report: yaml.report, env, folder: dirname(directoryPath), nowMs: null };
  const users = directorySchema.read(yaml.root, "", context) ?? defaults(directoryKeys);
  return { file: directoryFile(users, { ...read.authentication, domain: read.domain, everyoneMayWatch: read.presence.anyone_in_domain_may_watch }, yaml.report), report: yaml.report, isFound: true };
}

function refuseWebOverlap({ listen, web }: ConfigReading, { root, report }: ParsedFile): void {
  const wanted = { ...web, protocol: "tcp", address: web.address === "localhost" ? "127.0.0.1" : web.address };
  const taken = listen.find(({ url }) => {
    const where = parseListenUrl(url);
    return where !== null && overlap(where, wanted);
  });
  if (taken === undefined) return;
  const value = (root?.entries.find((entry) => entry.key === "web") ?? root?.entries.find((entry) => entry.key === "listen"))?.value;
  report.mistake(value?.offset ?? 0, `${web.url} of "web" is taken by ${taken.url} of "listen"`, "write another port for one of them");
}

function warn({ authentication, web }: ConfigReading, report: Report): void {
  if (authentication.require === "none") report.warn('"authentication.require: none" takes any user of the domain at his word: for benchmarks alone');
  if (authentication.require === "register") report.warn('"authentication.require: register" lets anyone call in the name of a user: only REGISTER is challenged');
  if (web.auth === "none") report.warn('"web.auth: none" lets everyone on this machine into the pages and the API');
  else if (web.token === null) report.warn('"web" has no token: nobody is let into the pages and the API; write "token" or "token_env"');
}

/** True when the token itself stands in the file, not the name of a variable. */
function holdsToken({ root }: ParsedFile): boolean {
  const web = root?.entries.find((entry) => entry.key === "web")?.value;
  const token = web?.kind === "map" ? web.entries.find((entry) => entry.key === "token")?.value : undefined;
  return token?.kind === "scalar" && token.text === token.written;
}

function warnIfOpen(path: string, shown: string, what: string, report: Report): void {
  const isOpen = (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o004;
  if (isOpen) report.warn(`${shown} holds ${what} and everyone on this machine can read it; run "chmod 600 ${shown}"`);
}

/** Whether a name is the id, alias or number of one of them. */
function isNamedBy({ users }: DirectoryFile): (name: string) => boolean {
  const names = new Set(users.flatMap(({ id, aliases, numbers }) => [id, ...aliases.map((alias) => alias.toLowerCase()), ...numbers.map(numberDigits)]));
  return (name) => names.has(name) || names.has(name.toLowerCase()) || (/^\+?[0-9 ().-]+$/.test(name) && names.has(numberDigits(name)));
}

function configOf(read: ConfigReading, folder: string, directoryPath: string): Omit<Config, "phones" | "calendars"> {
  const { authentication, presence, limits } = read;
  return {
    domain: read.domain,
    role: read.role,
    node: read.node,
    listen: read.listen,
    workers: read.workers,
    storePath: resolve(folder, read.store),
    durability: read.durability,
    authentication: { require: authentication.require, algorithms: authentication.algorithms, guesses: authentication.guesses, trustedNetworks: authentication.trusted_networks },
    registerExpires: read.register_expires,
    contactsPerUserMax: read.contacts_per_user,
    dialogs: { ageMaxMs: read.dialogs.age_max, probeMs: read.dialogs.probe, endDead: read.dialogs.end_dead },
    web: read.web,
    log: read.log,
    directoryPath,
    presence: {
      merge: presence.merge,
      primarySource: presence.primary_source,
      imToRpid: presence.im_to_rpid,
      early: presence.early,
      basicFrom: presence.basic_from,
      notifyIntervalMs: presence.notify_interval,
      historyBytesMax: presence.history,
      publishExpires: presence.publish_expires,
      subscribeExpires: presence.subscribe_expires,
      anyoneInDomainMayWatch: presence.anyone_in_domain_may_watch,
    },
    limits: { messageBytesMax: limits.message_size, connectionsMax: limits.connections, connectionsPerAddressMax: limits.connections_per_address, subscribe: { perAddress: limits.subscribe.per_address, perUserAgent: limits.subscribe.per_user_agent, perEvent: limits.subscribe.per_event } },
    resolverServers: read.resolver.servers,
  };
}
