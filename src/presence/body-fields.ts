import { nearMiss } from "../config/near-miss.ts";
import { ACTIVITY_NAMES, activityName, type Activity } from "../documents/rpid.ts";
import { parseMoment } from "./moment.ts";

/** The fields of a JSON or YAML object that somebody wrote, read one by one; null counts as left out. What does not fit is a mistake, in words that say what to
 *  write; all of them are found at once. */
export class BodyFields {
  readonly mistakes: string[];
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #where: string;

  /** `known`: every name that may stand in it; `where` is put before mistakes: `inputs[2].`. */
  constructor(value: unknown, known: readonly string[], where = "", mistakes: string[] = []) {
    this.mistakes = mistakes;
    this.#where = where;
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    this.#fields = isObject ? { ...value } : {};
    if (!isObject) this.#mistake("", `this is ${kindOf(value)}; write an object such as { "activities": ["away"] }`);
    for (const name of Object.keys(this.#fields)) {
      if (known.includes(name)) continue;
      const meant = nearMiss(name, known);
      this.#mistake(name.slice(0, 60), meant === null ? `nothing is called so; there are ${known.join(", ")}` : `nothing is called so; write ${meant}`);
    }
  }

  has(name: string): boolean {
    return this.#fields[name] !== undefined && this.#fields[name] !== null;
  }

  value(name: string): unknown {
    return this.#fields[name];
  }

  text(name: string, max: number): string | undefined {
    const value = this.#fields[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value === "string" && value.length <= max) return value;
    this.#mistake(name, typeof value === "string" ? `it has more than ${String(max)} characters` : "write a text");
    return undefined;
  }

  flag(name: string): boolean | undefined {
    const value = this.#fields[name];
    if (value === undefined || value === null || typeof value === "boolean") return value ?? undefined;
    this.#mistake(name, "write true or false");
    return undefined;
  }

  whole(name: string, min: number, max: number): number | undefined {
    const value = this.#fields[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
    this.#mistake(name, `write a whole number from ${String(min)} to ${String(max)}`);
    return undefined;
  }

  word<const W extends string>(name: string, words: readonly W[]): W | undefined {
    const value = this.#fields[name];
    if (value === undefined || value === null) return undefined;
    const found = words.find((word) => word === value);
    if (found === undefined) this.#mistake(name, `write ${words.join(", ")}`);
    return found;
  }

  /** A moment, ISO 8601 with its time zone, or a Date as YAML reads it; ms since 1970. */
  time(name: string): number | undefined {
    const value = this.#fields[name];
    if (value === undefined || value === null) return undefined;
    const time = value instanceof Date ? value.getTime() : typeof value === "string" ? parseMoment(value) : undefined;
    if (time === undefined || Number.isNaN(time)) this.#mistake(name, "write a time such as 2026-11-20T14:03:00Z");
    return time;
  }

  /** RPID names, or `{ name, from, until, text }`; undefined when left out. */
  activities(name: string, max: number): readonly Activity[] | undefined {
    const value = this.#fields[name];
    if (value === undefined || value === null) return undefined;
    if (!Array.isArray(value) || value.length > max) {
      this.#mistake(name, `write a list of at most ${String(max)}, such as ["away"]`);
      return undefined;
    }
    return value.flatMap((each: unknown, at) => this.#activity(each, `${name}[${String(at)}]`));
  }

  #activity(value: unknown, name: string): Activity[] {
    if (typeof value === "object" && value !== null) {
      const fields = new BodyFields(value, ["name", "from", "until", "text"], `${this.#where}${name}.`, this.mistakes);
      const [activity] = this.#activity(fields.value("name"), `${name}.name`);
      const [from, until, text] = [fields.time("from"), fields.time("until"), fields.text("text", 500)];
      return activity === undefined ? [] : [{ ...activity, ...(from === undefined ? {} : { from }), ...(until === undefined ? {} : { until }), ...(text === undefined ? {} : { text }) }];
    }
    const known = typeof value === "string" ? activityName(value) : null;
    if (known !== null) return [{ name: known }];
    const meant = typeof value === "string" ? nearMiss(value, ACTIVITY_NAMES) : null;
    this.#mistake(name, meant === null ? `RPID has no such activity; write one of ${ACTIVITY_NAMES.join(", ")}` : `RPID has no such activity; write ${meant}`);
    return [];
  }

  #mistake(name: string, text: string): void {
    this.mistakes.push(`${this.#where}${name === "" ? "" : `"${name}": `}${text}`);
  }
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}
