import { unicodeOf } from "../documents/xml-text.ts";
import type { Rendered } from "../subscription/event-package.ts";

const WORDS_MAX = 120;
const known = new WeakMap<Rendered, string>();

/** What a NOTIFY's body said, in a few words, taken from the body itself: `open · On the phone`, `confirmed`, `terminated`. */
export function whatWasSaid(rendered: Rendered | null): string {
  if (rendered === null) return "nothing: the subscription ended";
  const before = known.get(rendered);
  if (before !== undefined) return before;
  const words = read(rendered.head + rendered.tail).slice(0, WORDS_MAX);
  known.set(rendered, words);
  return words;
}

function read(body: string): string {
  if (body.includes("<dialog-info")) {
    const states = [...body.matchAll(/<state(?:\s[^>]*)?>([a-z]+)<\/state>/g)].map(([, state]) => state ?? "");
    return states.length === 0 ? "no dialog" : states.join(", ");
  }
  const basic = /<basic>([a-z]+)<\/basic>/.exec(body)?.[1] ?? /<status status="([a-z]+)"/.exec(body)?.[1];
  const note = /<(?:dm:)?note>([^<]*)</.exec(body)?.[1] ?? /substatus="([a-z]+)"/.exec(body)?.[1];
  const said = [basic, note === undefined ? undefined : unescaped(unicodeOf(note))].filter((part) => part !== undefined && part !== "").join(" · ");
  return said === "" ? unicodeOf(body.split(/\r?\n/, 1)[0] ?? "") : said;
}

function unescaped(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|#\d+|amp);/g, (whole, name: string) => NAMES[name] ?? (name.startsWith("#") ? String.fromCodePoint(Number(name.slice(1))) : whole));
}

const NAMES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
