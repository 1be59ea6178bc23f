import { hostname } from "node:os";
import { endpoint, isDomainName, network } from "./address.ts";
import { calendarsKey } from "./calendars-schema.ts";
import type { ListenEntry } from "./config.ts";
import { expires } from "./expires.ts";
import { listen } from "./listen.ts";
import { phonesKey } from "./phones-schema.ts";
import { duration, rate, size, whole } from "./quantity.ts";
import { checked, choice, flag, list, map, onlyYet, optional, required, scalar, section } from "./reader.ts";
import type { Reader } from "./reader.ts";
import { text } from "./text.ts";
import { webSection } from "./web-schema.ts";

const day = 86_400_000;

/** Reads a SIP domain; in lower case. */
export const domainName: Reader<string> = scalar("a domain such as tel.example.test", (written) => {
  const domain = written.toLowerCase();
  return isDomainName(domain) || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(domain) ? domain : undefined;
});

const storePath = checked(text("a folder such as ./data", 1, 4096), (written, value, { report }) => {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(written)) return true;
  report.mistake(value.offset, `"store: ${written.replace(/:\/\/.*/, "://…")}" is not supported yet`, "write a folder such as ./data");
  return false;
});

const algorithms = checked(list(choice(["MD5", "SHA-256"]), "a list such as [MD5] or [SHA-256, MD5]"), (read, value, { report }) => {
  if (new Set(read).size < read.length) report.mistake(value.offset, "an algorithm is listed twice", "remove one of them");
  else if (value.kind === "list" && value.items.length === 0) report.mistake(value.offset, "no algorithm is offered", "write [MD5]");
  return read.length > 0;
});

const authenticationKeys = {
  require: optional(
    "Who must answer a digest challenge: `all` requests, `register` only REGISTER, `none` takes any user of the domain at his word: for benchmarks alone.",
    choice(["all", "register", "none"]),
    "all",
    "`all`",
  ),
  algorithms: optional("What is offered, best first. Older phones fail when they see two challenges, so SHA-256 is not offered by default.", algorithms, ["MD5"], "`[MD5]`"),
  guesses: optional("Wrong passwords that an address or a user may send before answers are held back.", rate, { count: 5, perMs: 60_000 }, "`5/min`"),
  trusted_networks: optional("Networks whose requests are not challenged: our own media servers.", list(network, "a list of networks such as [10.0.0.0/8]"), [], "`[]`"),
};

const presenceKeys = {
  merge: optional("`true`: one unique state a person. `false`: every source's tuples and persons in one document, as servers without a merge send them.", flag, true, "`true`"),
  primary_source: optional("The source that wins over everything but a call and a person's own override.", choice(["calendar", "api", "publish", "none"]), "calendar", "`calendar`"),
  im_to_rpid: optional("Documents in the old `im:` namespace are read as RPID.", flag, true, "`true`"),
  early: optional("What a ringing call makes of a person: `ringing` (on-the-phone, note \"Ringing\"), `busy` or `ignore`.", choice(["ringing", "busy", "ignore"]), "ringing", "`ringing`"),
  basic_from: optional(
    "`reachability`: open means registered, in a call, or said so by a live publication. `winner`: the winning source's own word.",
    choice(["reachability", "winner"]),
    "reachability",
    "`reachability`",
  ),
  notify_interval: optional("At most one NOTIFY a watcher in this time; the last state always arrives.", duration(0, 3_600_000, "5s"), 0, "`0s`"),
  history: optional("Disk space for what was so when, which `lamplight why AOR --at TIME` reads; the oldest goes first. 64 MB hold some hours of a busy office of 2,000, and weeks of a small one.", size(1024 * 1024, 16 * 1024 * 1024 * 1024, "64MB"), 64 * 1024 * 1024, "`64MB`"),
  publish_expires: expires("How long a publication lives.", 3600, 60, 7200),
  subscribe_expires: expires("How long a subscription lives.", 3600, 60, 86_400),
  anyone_in_domain_may_watch: optional("Every user of the domain may watch every other whose `watchers` in the directory say nothing else. `false`: only whom `watchers.allow` names.", flag, true, "`true`"),
};

const limitsKeys = {
  message_size: optional("Largest SIP message; a larger one is refused. 1 kB is 1024 bytes.", size(2048, 1024 * 1024, "32kB"), 32 * 1024, "`32kB`"),
  connections: optional("TCP, TLS and WebSocket connections at one time.", whole(1, 1_000_000), 20_000, "`20000`"),
  connections_per_address: optional("The same from one IP address. A whole office behind one router counts as one.", whole(1, 1_000_000), 12_000, "`12000`"),
  subscribe: section("New subscriptions that one source may send; one more is refused as its phone takes it best (`phones`: `overload`). Refreshes do not count.", {
    per_address: optional("From one IP address. A whole office behind one router counts as one.", rate, null, "no limit"),
    per_user_agent: optional("From all phones with one User-Agent: a firmware that subscribes in a loop.", rate, null, "no limit"),
    per_event: optional("For one event.", rate, null, "no limit"),
  }),
};

const defaultListen: readonly ListenEntry[] = [{ url: "udp://0.0.0.0:5060" }, { url: "tcp://0.0.0.0:5060" }];

/** Every key of the configuration file, in the order of the reference page. */
export const configKeys = {
  domain: required("The SIP domain: users are `sip:ID@DOMAIN`, and it is the realm of every password.", domainName, "invalid"),
  role: optional("What this server does.", choice(["main"], ["lifeguard", "edge", "registrar", "presence"]), "main", "`main`"),
  node: optional("This server's name.", text("a name such as laurel", 1, 63, /^[A-Za-z0-9._-]+$/), hostname(), "the host's name"),
  listen: optional(
    "Where phones connect. An entry is an address (`udp://0.0.0.0:5060`; `tcp`, `tls`, `ws`, `wss`; IPv6 as `udp://[::]:5060`) or a map with the keys below. Every address that the server listens on also counts as its domain.",
    listen,
    defaultListen,
    "`[udp://0.0.0.0:5060, tcp://0.0.0.0:5060]`",
  ),
  workers: optional("Message workers.", onlyYet(whole(1, 1024), 1, "1"), 1, "`1`"),
  store: optional("Folder of the embedded store. `--data` on the command line wins.", storePath, "./data", "`./data`"),
  durability: optional(
    "`fast`: a crash of the program loses nothing that was acknowledged, a power cut at most the last second. `full`: nor does a power cut; answers wait for the disk, and a disk that stalls makes them 503.",
    choice(["fast", "full"]),
    "fast",
    "`fast`",
  ),
  authentication: section("Digest authentication; the realm is always the domain, whatever address the phone used.", authenticationKeys),
  register_expires: expires("How long a registration lives.", 3600, 60, 86_400),
  contacts_per_user: optional("Phones that one user may have registered at a time.", whole(1, 1000), 10, "`10`"),
  dialogs: section("Calls in progress, and how those that ended unseen are found.", {
    age_max: optional("A call older than this is taken for ended.", duration(60_000, 30 * day, "12h"), 12 * 3_600_000, "`12h`"),
    probe: optional("A call of which nothing was seen for this long has both its phones asked (OPTIONS). One of them must say that it knows of no such call, or both be silent, until its lamps go dark. `0s`: never.", duration(0, day, "60s"), 60_000, "`60s`"),
    end_dead: optional("Also sends BYE to both phones of a call that was found dead.", flag, false, "`false`"),
  }),
  web: webSection,
  log: section("JSON lines on standard output.", {
    level: optional("The least important lines that are written.", choice(["debug", "info", "warn", "error", "silent"]), "info", "`info`"),
    sip: optional("Logs every SIP message, with credentials struck out.", flag, false, "`false`"),
  }),
  directory: optional("The file with the users. Without this key a missing file means no users.", text("a file such as ./directory.yaml", 1, 4096), "", "`./directory.yaml`"),
  presence: section("How a person's state is made of what is known, and told to watchers.", presenceKeys),
  limits: section("What the server takes from others at most.", limitsKeys, ["dialled", "caller", "requests"]),
  phones: phonesKey,
  calendars: calendarsKey,
  resolver: section("How host names are looked up.", {
    servers: optional("Name servers to ask.", list(endpoint(53, "192.0.2.53 or 192.0.2.53:5353"), "a list of addresses such as [192.0.2.53]"), [], "the system's"),
  }),
};

/** Keys of the contract that later versions bring. */
export const laterConfigKeys: readonly string[] = [
  "domains", "features", "ringing", "sites", "unknown_networks", "dns", "dhcp", "cluster", "trunks", "routes", "dialplan", "blocked",
  "media_servers", "media", "topology_hiding", "capture", "script",
];

/** Reads the whole configuration file. */
export const configSchema = map(configKeys, laterConfigKeys);
