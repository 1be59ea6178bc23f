import ICAL from "ical.js";

/** A property as jCal has it (RFC 7265 §3.4): parameters in lower case, values of the type that it says. */
export interface ICalProperty {
  readonly name: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** `date`, `date-time`, `recur`, `duration`, `period`, `utc-offset`, `text` … */
  readonly type: string;
  readonly values: readonly unknown[];
}

/** A component that we read, and what stood in it. */
export interface ICalComponent {
  /** In lower case: `vevent`. */
  readonly name: string;
  readonly properties: readonly ICalProperty[];
  readonly children: readonly ICalComponent[];
}

/** All that is read of a calendar. What is left out here is never parsed, kept or seen again: above all what an event is about, where it is and its attachments. */
const PROPERTIES: ReadonlySet<string> = new Set([
  "uid", "dtstart", "dtend", "duration", "rrule", "rdate", "exdate", "exrule", "recurrence-id", "status", "transp", "class", "attendee", "organizer", "freebusy",
  "sequence", "x-microsoft-cdo-busystatus", "tzid", "tzoffsetfrom", "tzoffsetto", "x-lic-location",
]);
const COMPONENTS: ReadonlySet<string> = new Set(["vcalendar", "vevent", "vfreebusy", "vtimezone", "standard", "daylight"]);
/** Longer lines are none that we read; a thousand EXDATEs on one line are. */
const LINE_MAX = 65_536;
const DEPTH_MAX = 8;

interface OpenBlock {
  readonly name: string;
  readonly properties: ICalProperty[];
  readonly children: ICalComponent[];
  /** A line of it could not be read: it says nothing that can be relied on. */
  isBroken: boolean;
}

/** What a text holds, or what is wrong with it; `broken` components could not be read and are left out. */
export type ICalText =
  | { readonly kind: "calendar"; readonly components: readonly ICalComponent[]; readonly broken: number }
  | { readonly kind: "unreadable"; readonly why: "no calendar" | "cut off" | "too many events" };

/** Reads iCalendar text (RFC 5545 §3.1, §3.4), several calendars of one text as one; at most `componentsMax` components. A component with a line that breaks
 *  the rules is left out, the others stand. */
export function readICalText(text: string, componentsMax: number): ICalText {
  const stack: OpenBlock[] = [];
  const found: ICalComponent[] = [];
  /** Within a component that we do not read: how deep. */
  let skipped = 0;
  let count = 0;
  let broken = 0;
  let calendars = 0;
  for (const line of unfolded(text)) {
    const name = /^([A-Za-z0-9-]+)\s*[:;]/.exec(line)?.[1]?.toLowerCase();
    if (name === undefined) continue;
    const top = stack.at(-1);
    if (name === "begin") {
      const block = line.slice(line.indexOf(":") + 1).trim().toLowerCase();
      if (skipped > 0 || !COMPONENTS.has(block) || stack.length >= DEPTH_MAX || (top === undefined && block !== "vcalendar")) skipped++;
      else {
        if (++count > componentsMax) return { kind: "unreadable", why: "too many events" };
        stack.push({ name: block, properties: [], children: [], isBroken: false });
      }
    } else if (name === "end") {
      if (skipped > 0) skipped--;
      else {
        const done = stack.pop();
        if (done === undefined) continue;
        if (done.name === "vcalendar") {
          calendars++;
          found.push(...done.children);
        } else if (done.isBroken) broken++;
        else stack.at(-1)?.children.push(done);
      }
    } else if (top !== undefined && skipped === 0 && PROPERTIES.has(name)) {
      const property = line.length > LINE_MAX ? null : parseProperty(line);
      if (property === null) top.isBroken = true;
      else top.properties.push(property);
    }
  }
  if (stack.length > 0) return { kind: "unreadable", why: "cut off" };
  return calendars === 0 ? { kind: "unreadable", why: "no calendar" } : { kind: "calendar", components: found, broken };
}

/** The first property of that name. */
export function propertyOf(component: ICalComponent, name: string): ICalProperty | undefined {
  return component.properties.find((property) => property.name === name);
}

/** The text of the first property of that name; empty when there is none. */
export function textOf(component: ICalComponent, name: string): string {
  const value = propertyOf(component, name)?.values[0];
  return typeof value === "string" ? value : "";
}

/** Lines as they were before they were folded at 75 octets (RFC 5545 §3.1), bare line feeds accepted. */
function* unfolded(text: string): Generator<string> {
  let line = "";
  for (let at = text.startsWith("\uFEFF") ? 1 : 0; at < text.length; ) {
    let end = text.indexOf("\n", at);
    if (end < 0) end = text.length;
    const raw = text.slice(at, end > at && text.charCodeAt(end - 1) === 13 ? end - 1 : end);
    at = end + 1;
    if (raw.startsWith(" ") || raw.startsWith("\t")) {
      // What is too long to be read need not be put together.
      if (line.length <= LINE_MAX) line += raw.slice(1);
    } else {
      if (line !== "") yield line;
      line = raw;
    }
  }
  if (line !== "") yield line;
}

function parseProperty(line: string): ICalProperty | null {
  // ical.js refuses a whole rule for one number out of range; ours is read by `parseRule`.
  const rule = /^(RRULE|EXRULE)(?:;[^:]*)?:(.*)$/i.exec(line);
  if (rule !== null) return { name: (rule[1] ?? "").toLowerCase(), type: "recur", values: [(rule[2] ?? "").trim()], parameters: new Map() };
  let jcal: unknown;
  try {
    jcal = ICAL.parse.property(line);
  } catch {
    // ParserError of ical.js: the line breaks RFC 5545 §3.1.
    return null;
  }
  const parts: readonly unknown[] = Array.isArray(jcal) ? jcal : [];
  const [name, parameters, type, ...values] = parts;
  if (typeof name !== "string" || typeof type !== "string" || typeof parameters !== "object" || parameters === null) return null;
  return { name: name.toLowerCase(), type, values, parameters: new Map(Object.entries(parameters).map(([key, value]) => [key.toLowerCase(), Array.isArray(value) ? value.join(",") : String(value)])) };
}
