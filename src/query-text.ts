import { duration, table, type Column } from "./query-table.ts";
import { painted, plainLook, type Hue, type Look } from "./terminal.ts";

/** What `lamplight show` can show. */
export const SUBJECTS = ["registrations", "calls", "presence", "lamps", "subscriptions", "sentinel"] as const;
/** One of them. */
export type Subject = (typeof SUBJECTS)[number];

/** An object of an answer; the server may be of another version, so nothing is taken for granted. */
export type Fields = Readonly<Record<string, unknown>>;

/** The objects of an answer: a list's, or the one that it is. */
export function objectsOf(answer: unknown): readonly Fields[] {
  return (Array.isArray(answer) ? answer : [answer]).filter(isObject);
}

/** A field that is a text; empty when it is none. */
export function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value : "";
}

/** What is painted, and how: as the lamps of a phone. */
const HUES: Readonly<Record<string, Hue>> = {
  idle: "green", open: "green", Available: "green",
  ringing: "yellow", early: "yellow", held: "yellow", trying: "yellow",
  talking: "red", busy: "red", confirmed: "red", "on-the-phone": "red",
  closed: "dim", Offline: "dim", unknown: "dim",
};

/** A list of the API as a table that fits a terminal. `now` in ms since 1970. */
export function listText(subject: Subject, answer: unknown, now: number, look: Look = plainLook): string {
  const rows = objectsOf(answer);
  const who = namer(rows, look);
  const tableOr = (empty: string, heads: readonly Head[], cells: readonly (readonly string[])[]): string => tableText(empty, heads, cells, look);
  switch (subject) {
    case "registrations":
      return tableOr("nobody is registered", [["WHO", 20, 0], ["CONTACT", 34, 1], ["BY", 4, 4], ["ENDS IN", 12, 3], ["PHONE", 22, 2]], rows.flatMap((person) =>
        objectsOf(person.contacts).map((one) => [who(textOf(person, "aor")), short(textOf(one, "uri")), textOf(one, "transport"), left(textOf(one, "expires_at"), now), textOf(one, "user_agent")]),
      ));
    case "calls":
      return tableOr("no calls", [["FROM", 24, 0], ["TO", 24, 1], ["STATE", 10, 2], ["SINCE", 16, 3], ["CALL-ID", 18, 4]], rows.map((one) => [
        who(textOf(one, "from")), who(textOf(one, "to")), textOf(one, "state"), ago(textOf(one, "since"), now), textOf(one, "call_id"),
      ]));
    case "presence":
      return tableOr("nobody is in the directory", [["WHO", 24, 0], ["BASIC", 6, 2], ["ACTIVITY", 16, 4], ["NOTE", 20, 1], ["SINCE", 14, 3], ["SOURCE", 14, 5]], rows.map((one) => [
        who(textOf(one, "aor")), textOf(one, "basic"), wordsOf(one, "activities"), textOf(one, "note"), ago(textOf(one, "since"), now), textOf(one, "source"),
      ]));
    case "lamps":
      return tableOr("nobody is in the directory", [["WHO", 24, 0], ["LAMP", 8, 1], ["SINCE", 16, 3], ["WITH", 44, 2]], rows.map((one) => [
        who(textOf(one, "aor")), textOf(one, "state"), ago(textOf(one, "since"), now), objectsOf(one.dialogs).map(otherParty).join(", "),
      ]));
    case "subscriptions":
      return tableOr("no subscriptions", [["WATCHED", 22, 0], ["WATCHER", 22, 1], ["EVENT", 10, 2], ["ENDS IN", 12, 4], ["PHONE", 22, 3]], rows.map((one) => [
        who(textOf(one, "resource")), who(textOf(one, "watcher")), textOf(one, "event"), left(textOf(one, "expires_at"), now), textOf(one, "user_agent"),
      ]));
    case "sentinel":
      return tableOr("no sentinel", [["WHAT", 40], ["HOW MANY", 12]], rows.flatMap(counted));
  }
}

/** An object of numbers, and of objects of numbers, as rows: `calls healed, silent` and how many. */
function counted(fields: Fields): readonly (readonly string[])[] {
  return Object.entries(fields).flatMap(([name, value]) => {
    const words = name.replaceAll("_", " ");
    if (!isObject(value)) return [[words, String(value)]];
    return Object.entries(value).map(([part, count]) => [`${words}, ${part}`, String(count)]);
  });
}

/** The answer to "why?" in words; `now` is the moment that it speaks of. */
export function whyText(answer: Fields, now: number, look: Look = plainLook): string {
  const document = objectsOf(answer.document)[0] ?? {};
  const since = ago(textOf(document, "since"), now);
  const recorded = objectsOf(answer.recorded)[0];
  const then = recorded === undefined ? "" : `as it was at ${textOf(answer, "at")}; recorded at ${textOf(recorded, "at")}, the record goes back to ${textOf(recorded, "from")}\n`;
  const next = left(textOf(answer, "next_change_at"), now);
  const told = objectsOf(answer.watchers);
  const who = namer(told, look);
  const watchers = told.map((one) => [`   ${who(textOf(one, "watcher"))}`, textOf(one, "event"), ...sentOf(one, now), left(textOf(one, "expires_at"), now), textOf(one, "user_agent")]);
  return (
    `${painted(`${short(textOf(answer, "aor"))}: ${stateOf(document)}`, "bold", look)}\nsource: ${textOf(document, "source")}${since === "" ? "" : `, ${since}`}\n${then}\n` +
    `what each source says; * won\n${inputsText(answer.inputs, now, look)}${next === "" ? "" : `   something begins or lapses in ${next}\n`}\n` +
    `who is told\n${tableText("   nobody", [["   WATCHER", 34, 0], ["EVENT", 10, 2], ["WAS TOLD", 30, 1], ["WHEN", 14, 3], ["ANSWER", 14, 4], ["ENDS IN", 12, 6], ["PHONE", 26, 5]], watchers, look)}`
  );
}

/** What a made-up situation gives, in words. */
export function simulationText(answer: Fields, at: number): string {
  const document = objectsOf(answer.document)[0] ?? {};
  const why = objectsOf(answer.why)[0] ?? {};
  const settings = Object.entries(objectsOf(answer.settings)[0] ?? {}).map(([name, value]) => `${name}: ${String(value)}`);
  const next = left(textOf(why, "next_change_at"), at);
  return (
    `it would be: ${stateOf(document)}\nsource: ${textOf(document, "source")}\nat ${textOf(answer, "at")}, with ${settings.join(", ")}\n\n` +
    `what each source says; * won\n${inputsText(why.inputs, at)}${next === "" ? "" : `   something begins or lapses in ${next}\n`}`
  );
}

function inputsText(inputs: unknown, now: number, look: Look = plainLook): string {
  return objectsOf(inputs)
    .map((input) => {
      const source = textOf(input, "source");
      const kind = textOf(input, "kind");
      const times = dotted([ago(textOf(input, "since"), now), until(textOf(input, "until"), now)]);
      const line = `${input.won === true ? " * " : "   "}${source}${kind === source ? "" : ` (${kind})`}: ${stateOf(input)}${times === "" ? "" : ` (${times})`}`;
      return `${painted(line, input.won === true ? "green" : undefined, look)}\n${painted(`     ${textOf(input, "reason")}`, "dim", look)}\n`;
    })
    .join("");
}

/** What a watcher was told, when, and what came of it. */
function sentOf(watcher: Fields, now: number): readonly string[] {
  const sent = objectsOf(watcher.sent)[0];
  if (sent === undefined) return ["", "", ""];
  const tookMs = Date.parse(textOf(sent, "answered_at")) - Date.parse(textOf(sent, "at"));
  const { status } = sent;
  const answer = typeof status !== "number" ? "none yet" : status === 0 ? "none" : `${String(status)} in ${String(tookMs)} ms`;
  return [textOf(sent, "what"), ago(textOf(sent, "at"), now), answer];
}

type Head = readonly [title: string, widthMax: number, rank?: number];

function tableText(empty: string, heads: readonly Head[], rows: readonly (readonly string[])[], look: Look): string {
  const columns: readonly Column[] = heads.map(([title, widthMax, rank], at) => ({ title, widthMax, rank: rank ?? at, hues: HUES }));
  return rows.length === 0 ? `${empty}\n` : table(columns, rows, look);
}

function stateOf(fields: Fields): string {
  return dotted([textOf(fields, "note"), textOf(fields, "basic"), wordsOf(fields, "activities")]);
}

function otherParty(dialog: Fields): string {
  const remote = objectsOf(dialog.remote)[0] ?? {};
  return `${textOf(dialog, "direction") === "initiator" ? "to" : "from"} ${textOf(remote, "display") || short(textOf(remote, "uri"))}`;
}

function wordsOf(fields: Fields, name: string): string {
  const value = fields[name];
  return Array.isArray(value) ? value.filter((word) => typeof word === "string").join(", ") : "";
}

function dotted(parts: readonly string[]): string {
  return parts.filter((text) => text !== "").join(" · ");
}

/** An address without its scheme: `101@tel.example.test`. */
function short(uri: string): string {
  return uri.replace(/^sips?:/, "");
}

/** Names people in a table of these rows: where there is little room, those of the one domain without it. */
function namer(rows: readonly Fields[], look: Look): (uri: string) => string {
  const home = look.columns === null ? "" : homeDomain(rows);
  return (uri) => (home !== "" && uri.endsWith(home) ? short(uri).slice(0, -home.length) : short(uri));
}

/** `@office.example`, the domain that most of the people in these rows have; empty when there are none. */
function homeDomain(rows: readonly Fields[]): string {
  const counts = new Map<string, number>();
  for (const one of rows) {
    for (const name of ["aor", "from", "to", "resource", "watcher"]) {
      const [domain = ""] = /@[^@;?]+$/.exec(textOf(one, name)) ?? [];
      if (domain !== "") counts.set(domain, (counts.get(domain) ?? 0) + 1);
    }
  }
  return [...counts].reduce((best, each) => (each[1] > best[1] ? each : best), ["", 0])[0];
}

function ago(time: string, now: number): string {
  return time === "" ? "" : `${duration(now - Date.parse(time))} ago`;
}

/** How long until then; empty when it is past or nobody knows. */
function left(time: string, now: number): string {
  const ms = time === "" ? 0 : Date.parse(time) - now;
  return ms > 0 ? duration(ms) : "";
}

function until(time: string, now: number): string {
  if (time === "") return "";
  const remaining = left(time, now);
  return remaining === "" ? "lapsed" : `ends in ${remaining}`;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
