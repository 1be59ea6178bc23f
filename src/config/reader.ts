import type { Report } from "./report.ts";
import { nearMiss } from "./near-miss.ts";
import { shortened } from "./yaml-tree.ts";
import type { MapEntry, Value } from "./yaml-value.ts";

/** What reading needs besides the value. */
export interface ReadContext {
  readonly report: Report;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder of the configuration file: relative paths start there. */
  readonly folder: string;
  /** The time that certificates are judged by; null leaves their dates alone. */
  readonly nowMs: number | null;
}

/** Reads one kind of value. Whatever is wrong goes to the report. */
export interface Reader<T> {
  /** Completes "write …": `a time such as 60s`. */
  readonly wants: string;
  /** The keys of a map, for the reference page. */
  readonly keys?: Keys;
  /** Keys that are named in the contract and refused as not supported yet. */
  readonly later?: readonly string[];
  /** `name` is the key's dotted name, e.g. `presence.early`. Undefined: it was reported, the caller goes on with the default. */
  read(value: Value, name: string, context: ReadContext): T | undefined;
}

/** A key of a map: what it means, how it is read, what it is when it is not written. */
export interface Key<T> {
  readonly doc: string;
  readonly reader: Reader<T>;
  /** Stands in when the key is not written. */
  readonly fallback: T;
  /** Stands in after a mistake, so that what follows from it is not reported as another; mostly the fallback. */
  readonly afterMistake: T;
  /** The default as the reference page shows it; empty for none. */
  readonly shown: string;
  readonly isRequired: boolean;
}

/** Any keys; what they read to is known from each alone. */
export type Keys = Readonly<Record<string, Key<unknown>>>;

/** What a map with these keys reads to. */
export type Reading<K extends Keys> = { readonly [N in keyof K]: K[N] extends Key<infer T> ? T : never };

/** A key with a default; `shown` is the default as a user would write it. `afterMistake` stands in for a value that was refused. */
export function optional<T>(doc: string, reader: Reader<T>, fallback: T, shown: string, afterMistake: T = fallback): Key<T> {
  return { doc, reader, fallback, afterMistake, shown, isRequired: false };
}

/** A key that must be written; `placeholder` only lets the reading go on after a mistake. */
export function required<T>(doc: string, reader: Reader<T>, placeholder: T): Key<T> {
  return { doc, reader, fallback: placeholder, afterMistake: placeholder, shown: "", isRequired: true };
}

/** A key with a map of its own, whose keys all have defaults. */
export function section<K extends Keys>(doc: string, keys: K, later: readonly string[] = []): Key<Reading<K>> {
  return optional(doc, map(keys, later), defaults(keys), "");
}

/** What an empty map with these keys reads to. */
export function defaults<K extends Keys>(keys: K): Reading<K> {
  return Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, key.fallback])) as Reading<K>;
}

/** Reads a map. Unknown keys are refused, a near miss is told the right name. Keys of `later` are refused as not supported yet. */
export function map<K extends Keys>(keys: K, later: readonly string[] = [], wants = "a map with keys"): Reader<Reading<K>> {
  const unwritten = defaults(keys);
  return {
    wants,
    keys,
    later,
    read(value, name, context) {
      if (value.kind !== "map") {
        misfit(value, name, this.wants, context);
        return undefined;
      }
      const read: Record<string, unknown> = { ...unwritten };
      const prefix = name === "" ? "" : `${name}.`;
      const misspelt = new Set<Key<unknown>>();
      for (const entry of value.entries) {
        const key = Object.hasOwn(keys, entry.key) ? keys[entry.key] : undefined;
        if (key !== undefined) {
          read[entry.key] = readEntry(entry, key, prefix + entry.key, context);
          continue;
        }
        // A misspelt key is not missing as well.
        const meant = keys[refuseKey(entry, prefix, Object.keys(keys), later, context) ?? ""];
        if (meant !== undefined) misspelt.add(meant);
      }
      for (const [missing, key] of Object.entries(keys)) {
        if (value.entries.some((entry) => entry.key === missing)) continue;
        if (misspelt.has(key)) read[missing] = key.afterMistake;
        else if (key.isRequired) context.report.mistake(value.offset, `"${prefix}${missing}" is missing`, `write "${missing}: …", ${key.reader.wants}`);
      }
      return read as Reading<K>;
    },
  };
}

function readEntry(entry: MapEntry, key: Key<unknown>, name: string, context: ReadContext): unknown {
  if (isRefused(entry.value)) return key.afterMistake;
  if (entry.value.kind === "scalar" && entry.value.type === "null") {
    context.report.mistake(entry.offset, `"${name}" has no value`, `write ${key.reader.wants}${key.isRequired ? "" : ", or remove the key"}`);
    return key.afterMistake;
  }
  const read = key.reader.read(entry.value, name, context);
  return read === undefined ? key.afterMistake : read;
}

function isRefused(value: Value): boolean {
  return value.kind === "scalar" && value.type === "refused";
}

/** Reports a key that is none; returns the one that was meant, if any is near. */
function refuseKey(entry: MapEntry, prefix: string, known: readonly string[], later: readonly string[], { report }: ReadContext): string | null {
  const written = shortened(entry.key);
  if (later.includes(entry.key)) {
    report.mistake(entry.offset, `"${prefix}${entry.key}" is not supported yet`, "remove it");
    return null;
  }
  const meant = nearMiss(entry.key, [...known, ...later]);
  const mend = meant === null ? `remove it, or write one of ${known.join(", ")}` : `write "${meant}"`;
  report.mistake(entry.offset, `unknown key "${written}"`, later.includes(meant ?? "") ? `remove it ("${prefix}${meant ?? ""}" is not supported yet)` : mend);
  return meant;
}

/** Reads a list; `each` reads its items, those with mistakes are left out. */
export function list<T>(each: Reader<T>, wants: string): Reader<readonly T[]> {
  return {
    wants,
    ...(each.keys === undefined ? {} : { keys: each.keys }),
    ...(each.later === undefined ? {} : { later: each.later }),
    read(value, name, context) {
      if (value.kind !== "list") {
        misfit(value, name, wants, context);
        return undefined;
      }
      return value.items.flatMap((item) => {
        if (isRefused(item)) return [];
        const read = each.read(item, name, context);
        return read === undefined ? [] : [read];
      });
    },
  };
}

/** A value that remembers where it stands, for a check against other values. */
export interface Placed<T> {
  readonly value: T;
  readonly offset: number;
}

/** Reads as `reader` does and keeps the place. */
export function placed<T>(reader: Reader<T>): Reader<Placed<T>> {
  return {
    ...reader,
    read(value, name, context) {
      const read = reader.read(value, name, context);
      return read === undefined ? undefined : { value: read, offset: value.offset };
    },
  };
}

/** Reads a scalar by its text. `parse` gives the value, or undefined for "does not fit". Booleans and numbers are taken as they are written. */
export function scalar<T>(wants: string, parse: (text: string, type: "text" | "number" | "boolean" | "free") => T | undefined): Reader<T> {
  return {
    wants,
    read(value, name, context) {
      const read = value.kind === "scalar" && value.type !== "null" && value.type !== "refused" ? parse(value.text, value.type) : undefined;
      if (read === undefined) misfit(value, name, wants, context);
      return read;
    },
  };
}

/** Checks what `reader` read; `check` reports, and returns false when the value must not be used. */
export function checked<T>(reader: Reader<T>, check: (read: T, value: Value, context: ReadContext) => boolean): Reader<T> {
  return {
    ...reader,
    read(value, name, context) {
      const read = reader.read(value, name, context);
      return read !== undefined && check(read, value, context) ? read : undefined;
    },
  };
}

/** Makes another value of what `reader` reads. */
export function mapped<T, U>(reader: Reader<T>, make: (read: T) => U): Reader<U> {
  return {
    ...reader,
    read(value, name, context) {
      const read = reader.read(value, name, context);
      return read === undefined ? undefined : make(read);
    },
  };
}

/** True or false. */
export const flag: Reader<boolean> = scalar("true or false", (text, type) => {
  const isFlag = type === "boolean" || (type === "free" && /^(?:true|false)$/i.test(text));
  return isFlag ? text.toLowerCase() === "true" : undefined;
});

/** One of some words. Those of `later` belong to the contract but are refused as not supported yet. */
export function choice<const W extends string>(words: readonly W[], later: readonly string[] = []): Reader<W> {
  const wants = oneOf(words);
  return {
    wants,
    read(value, name, context) {
      const text = value.kind === "scalar" ? value.text : null;
      const word = words.find((each) => each === text);
      if (word === undefined && text !== null && later.includes(text)) context.report.mistake(value.offset, `"${name}: ${text}" is not supported yet`, `write ${wants}`);
      else if (word === undefined) misfit(value, name, nearMiss(text ?? "", words) ?? wants, context);
      return word;
    },
  };
}

function oneOf(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1) ?? ""}`;
}

/** A setting of which one value works so far; `others` are legal words of the contract. */
export function onlyYet<T>(reader: Reader<T>, works: T, shown: string): Reader<T> {
  return {
    ...reader,
    wants: shown,
    read(value, name, context) {
      const read = reader.read(value, name, context);
      if (read === undefined || read === works) return read;
      context.report.mistake(value.offset, `"${name}: ${value.kind === "scalar" ? shortened(value.written) : "…"}" is not supported yet`, `write ${shown}`);
      return undefined;
    },
  };
}

/** Reports a value that is of the wrong kind or form. */
export function misfit(value: Value, name: string, wants: string, { report }: ReadContext): void {
  const seen = value.kind === "scalar" ? (value.type === "null" ? "nothing" : JSON.stringify(shortened(value.written))) : `a ${value.kind}`;
  report.mistake(value.offset, `${seen} does not fit "${name}"`, `write ${wants}`);
}
