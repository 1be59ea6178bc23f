import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { fileTrouble, readAuthorities } from "./certificate.ts";
import { duration } from "./quantity.ts";
import { choice, flag, list, map, misfit, optional, placed, required, scalar } from "./reader.ts";
import type { Key, Placed, ReadContext, Reader, Reading } from "./reader.ts";
import type { Report } from "./report.ts";
import { text } from "./text.ts";

/** What speaks for people besides their phones. */
export const CALENDAR_KINDS = ["ews", "caldav", "ics", "graph"] as const;
/** One of them. */
export type CalendarKind = (typeof CALENDAR_KINDS)[number];

/** What a shared calendar may say of everyone while it has an entry. */
export const CALENDAR_ACTIVITIES = ["vacation", "holiday", "away", "meeting", "appointment", "busy"] as const;
/** One of them. */
export type CalendarActivity = (typeof CALENDAR_ACTIVITIES)[number];

/** One entry of `calendars`. It holds secrets (`url` may be one): nothing of it but `name` and `kind` is ever shown. */
export interface CalendarConfig {
  readonly kind: CalendarKind;
  /** What it is called in `why`, logs and metrics; each calendar another. */
  readonly name: string;
  /** Absolute; a file as `file:///srv/holidays.ics`. `{mailbox}` stands for that of each person. Of kind graph: where the API is, empty for Microsoft's. */
  readonly url: string;
  /** Of kind graph: where tokens are got, empty for Microsoft's. */
  readonly loginUrl: string;
  /** Ids, aliases or numbers of the directory. */
  readonly users: "all" | readonly string[];
  readonly pollMs: number;
  readonly timeoutMs: number;
  /** What an entry makes of people; null: what the entry says. */
  readonly as: CalendarActivity | null;
  /** IANA or Windows name; null for the machine's. */
  readonly zone: string | null;
  /** PEM text of the authorities that its certificate may be signed by; null for those of the system. */
  readonly ca: string | null;
  readonly authentication: "auto" | "basic" | "digest" | "ntlm";
  readonly username: string | null;
  readonly password: string | null;
  readonly tenant: string | null;
  readonly clientId: string | null;
  readonly secret: string | null;
  /** Of kind ews: Exchange is asked to tell of changes, so that they are polled for sooner. Left out: false. */
  readonly hints?: boolean;
}

const unwritten: Placed<string> = { value: "", offset: -1 };
const secretMax = 8192;

/** Reads the name of a time zone that this Node knows, or a Windows name, which the calendar looks up itself. */
export const timeZone: Reader<string> = scalar("a time zone such as Europe/Brussels", (written) => {
  if (/^[A-Z][A-Za-z0-9 .+()-]* Standard Time$/.test(written) && written.length <= 64) return written;
  try {
    return written === "" ? undefined : new Intl.DateTimeFormat("en", { timeZone: written }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
});

const users: Reader<"all" | readonly Placed<string>[]> = {
  wants: "all, or a list of people such as [alice, \"102\"]",
  read(value, name, context) {
    if (value.kind === "scalar" && value.text === "all") return "all";
    if (value.kind === "list") return list(placed(text("an id, alias or number of the directory", 1, 64)), this.wants).read(value, name, context);
    misfit(value, name, this.wants, context);
    return undefined;
  },
};

const variable = placed(scalar("the name of an environment variable, such as EWS_PASSWORD", (written) => (/^[A-Za-z_][A-Za-z0-9_]*$/.test(written) ? written : undefined)));
const file = placed(text("a file with mode 0600 such as ./ews.password", 1, 4096));
const word = (wants: string): Reader<Placed<string>> => placed(text(wants, 1, 256));

const calendarKeys = {
  kind: required("`ics` (a file or web address), `caldav`, `ews` (Exchange on-premises) or `graph` (Exchange Online).", placed(choice(CALENDAR_KINDS)), { value: "ics", offset: -1 } as Placed<CalendarKind>),
  name: optional("What it is called in `why`, logs and metrics.", placed(text("a name such as holidays", 1, 64, /^[^\u0000-\u001f]+$/)), unwritten, "the kind, with a number where there are several", { value: "", offset: 0 }),
  url: optional("Where it is: `https://…`, for kind ics also `file:./holidays.ics`. `{mailbox}` stands for each person's own, for kind caldav also `{user}` for what stands before its @. For kind graph another address of the API.", placed(text("an address such as https://mail.example.test/EWS/Exchange.asmx", 1, 2048)), unwritten, "", { value: "", offset: 0 }),
  url_env: optional("The environment variable that holds the address, where it is a secret, as Google's is.", variable, unwritten, "", { value: "", offset: 0 }),
  url_file: optional("The file that holds it; nobody but its owner may read it.", file, unwritten, "", { value: "", offset: 0 }),
  users: optional("For whom it speaks: `all`, or a list of ids, aliases or numbers.", users, "all" as const, "`all`"),
  poll: optional("How often it is asked.", duration(5000, 86_400_000, "60s"), 60_000, "`60s`"),
  timeout: optional("How long an answer may take.", duration(1000, 600_000, "20s"), 20_000, "`20s`"),
  as: optional("What each entry makes of everybody in `users`, instead of what it says itself: for shared calendars such as holidays.", choice(CALENDAR_ACTIVITIES), null, "what the entry says"),
  zone: optional("The time zone of people who have none of their own (`time_zone` in the directory): whole days and times without a zone are in it.", timeZone, null, "the machine's"),
  ca: optional("PEM file of the authorities that its certificate may be signed by.", placed(text("a PEM file such as ./company-ca.pem", 1, 4096)), unwritten, "the system's", { value: "", offset: 0 }),
  authentication: optional("How the name and password are proven.", choice(["auto", "basic", "digest", "ntlm"]), "auto", "`auto`: what the server asks for"),
  username: optional("The service account; for NTLM with its domain: `OFFICE\\svc`.", word("a name such as svc"), unwritten, "", { value: "", offset: 0 }),
  password_env: optional("The environment variable that holds its password.", variable, unwritten, "", { value: "", offset: 0 }),
  password_file: optional("The file that holds its password; nobody but its owner may read it.", file, unwritten, "", { value: "", offset: 0 }),
  tenant: optional("Kind graph: the directory (tenant) id.", word("a tenant such as contoso.onmicrosoft.com"), unwritten, "", { value: "", offset: 0 }),
  client_id: optional("Kind graph: the application (client) id.", word("the id of the registered application"), unwritten, "", { value: "", offset: 0 }),
  secret_env: optional("Kind graph: the environment variable that holds the client secret.", variable, unwritten, "", { value: "", offset: 0 }),
  secret_file: optional("Kind graph: the file that holds it; nobody but its owner may read it.", file, unwritten, "", { value: "", offset: 0 }),
  hints: optional("Kind ews: Exchange tells of changes, and whose calendar changed is asked for at once. Polls go on as without it. The service account needs the right of impersonation (docs/calendars.md).", placed(flag), { value: false, offset: -1 }, "`false`"),
  login_url: optional("Kind graph: another address for tokens.", placed(text("an address such as https://login.microsoftonline.com", 1, 2048)), unwritten, "Microsoft's", { value: "", offset: 0 }),
};

type CalendarReading = Reading<typeof calendarKeys>;
/** A calendar and the places of the people that it names, for a check against the directory. */
export type PlacedCalendar = CalendarConfig & { readonly placedUsers: readonly Placed<string>[] };

const calendarMap = map(calendarKeys, ["password", "secret"], "a map such as { kind: ics, url: \"file:./holidays.ics\" }");

const calendar: Reader<PlacedCalendar> = {
  ...calendarMap,
  read(value, name, context) {
    const read = calendarMap.read(value, name, context);
    return read === undefined || read.kind.offset < 0 ? undefined : calendarOf(read, context);
  },
};

/** The key `calendars` of the configuration. */
export const calendarsKey: Key<readonly PlacedCalendar[]> = optional(
  "Calendars that speak for people: while someone has a meeting, that is his state (docs/calendars.md). Passwords stand in the environment or in files, never here.",
  list(calendar, 'a list such as [{ kind: ics, url: "file:./holidays.ics", as: vacation }]'),
  [],
  "`[]`",
);

/** Checks calendars against one another and against the names of the directory, and hands them on. */
export function calendarConfigs(read: readonly PlacedCalendar[], isKnown: (name: string) => boolean, report: Report): readonly CalendarConfig[] {
  const names = new Set<string>();
  return read.map(({ placedUsers, ...one }) => {
    for (const user of placedUsers) {
      if (!isKnown(user.value)) report.mistake(user.offset, `nobody in the directory is called "${user.value}"`, "write an id, alias or number of the directory, or add the user there");
    }
    let name = one.name;
    for (let number = 2; names.has(name); number++) name = `${one.name} ${String(number)}`;
    names.add(name);
    return { ...one, name };
  });
}

function calendarOf(read: CalendarReading, context: ReadContext): PlacedCalendar {
  const kind = read.kind.value;
  refuseOtherKinds(read, context);
  const url = addressOf(read, context);
  if (kind === "graph") {
    for (const name of ["tenant", "client_id"] as const) if (read[name].offset < 0) missing(read.kind, name, context);
  }
  const password = secretOf(read, "password", context);
  const secret = secretOf(read, "secret", context);
  if (kind === "graph" && secret === null && read.secret_env.offset < 0 && read.secret_file.offset < 0) missing(read.kind, "secret_env", context);
  if (kind === "ews" && read.username.offset < 0) missing(read.kind, "username", context);
  const hasPassword = read.password_env.offset >= 0 || read.password_file.offset >= 0;
  if (read.username.offset >= 0 && !hasPassword) context.report.mistake(read.username.offset, `the user of this calendar has no password`, 'write "password_env: NAME" or "password_file: FILE" beside it');
  if (hasPassword && read.username.offset < 0 && kind !== "ews") context.report.mistake(Math.max(read.password_env.offset, read.password_file.offset), "this password has no user", 'write "username: …" beside it');
  if (password !== null && /^http:\/\/(?!localhost[:/]|127\.|\[::1\])/i.test(url)) context.report.warn(`the calendar "${read.name.value || kind}" sends its password unencrypted (http)`);
  const placedUsers = read.users === "all" ? [] : read.users;
  return {
    kind,
    name: read.name.value === "" ? kind : read.name.value,
    url,
    loginUrl: read.login_url.offset > 0 ? webAddress(read.login_url, context) : "",
    users: read.users === "all" ? "all" : read.users.map(({ value }) => value),
    pollMs: read.poll,
    timeoutMs: read.timeout,
    as: read.as,
    zone: read.zone,
    ca: read.ca.offset > 0 ? (readAuthorities(read.ca, context) ?? null) : null,
    authentication: read.authentication,
    username: read.username.offset < 0 ? null : read.username.value,
    password,
    tenant: read.tenant.offset < 0 ? null : read.tenant.value,
    clientId: read.client_id.offset < 0 ? null : read.client_id.value,
    secret,
    ...(read.hints.value ? { hints: true } : {}),
    placedUsers,
  };
}

const KEYS_OF_KIND: Readonly<Record<CalendarKind, readonly string[]>> = {
  ics: ["url", "url_env", "url_file", "username", "password_env", "password_file", "ca"],
  caldav: ["url", "url_env", "url_file", "username", "password_env", "password_file", "ca"],
  ews: ["url", "url_env", "url_file", "username", "password_env", "password_file", "ca", "hints"],
  graph: ["url", "tenant", "client_id", "secret_env", "secret_file", "login_url", "ca"],
};

function refuseOtherKinds(read: CalendarReading, { report }: ReadContext): void {
  const own = new Set(KEYS_OF_KIND[read.kind.value]);
  for (const name of ["url", "url_env", "url_file", "username", "password_env", "password_file", "tenant", "client_id", "secret_env", "secret_file", "login_url", "hints"] as const) {
    const { offset } = read[name];
    if (offset > 0 && !own.has(name)) report.mistake(offset, `a calendar of kind ${read.kind.value} knows no "${name}"`, "remove it");
  }
}

function addressOf(read: CalendarReading, context: ReadContext): string {
  const { kind, url, url_env: fromVariable, url_file: fromFile } = read;
  const written = [url, fromVariable, fromFile].filter(({ offset }) => offset >= 0);
  const [first, second] = written;
  if (first === undefined) {
    if (kind.value !== "graph") missing(kind, "url", context);
    return "";
  }
  if (second !== undefined) context.report.mistake(second.offset, "this calendar has two addresses", 'keep one of "url", "url_env" and "url_file"');
  if (first.value === "") return "";
  const value = first === url ? url.value : first === fromVariable ? environmentValue(fromVariable, context) : fileValue(fromFile, context);
  return value === null ? "" : kind.value === "ics" ? fileOrWebAddress({ value, offset: first.offset }, context) : webAddress({ value, offset: first.offset }, context);
}

function fileOrWebAddress(address: Placed<string>, context: ReadContext): string {
  const { value } = address;
  if (/^webcals?:/i.test(value)) return webAddress({ ...address, value: value.replace(/^webcals?:/i, "https:") }, context);
  const path = /^file:(?:\/\/(?=\/))?(.+)$/i.exec(value)?.[1];
  if (path === undefined) return webAddress(address, context, "an address such as file:./holidays.ics or https://calendar.example.test/alice.ics");
  return pathToFileURL(resolve(context.folder, path)).href.replaceAll("%7Bmailbox%7D", "{mailbox}");
}

/** What is wrong is said without the address: it may be a secret. */
function webAddress({ value, offset }: Placed<string>, { report }: ReadContext, wants = "an address such as https://calendar.example.test/"): string {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    report.mistake(offset, "this is no address of a calendar", `write ${wants}`);
    return "";
  }
  if (url.username !== "" || url.password !== "") {
    report.mistake(offset, "a password stands in the address of this calendar", 'write "username" and "password_env" instead');
    return "";
  }
  return url.href.replaceAll("%7Bmailbox%7D", "{mailbox}");
}

function secretOf(read: CalendarReading, what: "password" | "secret", context: ReadContext): string | null {
  const fromVariable = read[`${what}_env`];
  const fromFile = read[`${what}_file`];
  if (fromVariable.offset >= 0 && fromFile.offset >= 0) context.report.mistake(fromFile.offset, `this calendar has both "${what}_env" and "${what}_file"`, "keep one of them");
  if (fromVariable.offset > 0 && fromVariable.value !== "") return environmentValue(fromVariable, context);
  return fromFile.offset > 0 && fromFile.value !== "" ? fileValue(fromFile, context) : null;
}

function environmentValue({ value: name, offset }: Placed<string>, { env, report }: ReadContext): string | null {
  const value = env[name];
  if (value !== undefined && value !== "" && value.length <= secretMax) return value;
  report.mistake(offset, `the environment has no variable ${name}`, `set ${name} before the start`);
  return null;
}

function fileValue({ value: path, offset }: Placed<string>, { folder, report }: ReadContext): string | null {
  const whole = resolve(folder, path);
  try {
    if ((statSync(whole).mode & 0o077) !== 0) {
      report.mistake(offset, `${path} can be read by others than its owner`, `run "chmod 600 ${path}"`);
      return null;
    }
    const value = readFileSync(whole, "utf8").replace(/\r?\n$/, "");
    if (value !== "" && value.length <= secretMax && !/[\u0000-\u001f]/.test(value)) return value;
    report.mistake(offset, `${path} does not hold one line of text`, "write the secret into it, and nothing else");
  } catch (cause) {
    report.mistake(offset, `${path} cannot be read (${fileTrouble(cause)})`, "write the path of another file");
  }
  return null;
}

function missing({ value: kind, offset }: Placed<CalendarKind>, name: string, { report }: ReadContext): void {
  report.mistake(offset, `a calendar of kind ${kind} needs "${name}"`, `write "${name}: …" beside it`);
}
