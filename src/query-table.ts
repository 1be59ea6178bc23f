import { painted, plainLook, type Hue, type Look } from "./terminal.ts";

/** A column: its heading, and the most characters that it shows; what is longer is cut with an ellipsis. */
export interface Column {
  readonly title: string;
  readonly widthMax: number;
  /** Where there is no room for all, the highest goes first; default: later columns before earlier ones. */
  readonly rank?: number;
  /** Cells of these words are painted. */
  readonly hues?: Readonly<Record<string, Hue>>;
}

const GAP = 2;
/** A column is narrowed to this before any is left out. */
const NARROWEST = 8;

/** A table, columns aligned and two blanks apart; no blanks at the ends of lines. Without rows the heading alone. Where the look has so many columns, the widest are narrowed first, then the least important left out. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], look: Look = plainLook): string {
  const heads = columns.map(({ title }) => title);
  const cells = rows.map((row) => columns.map(({ widthMax }, at) => clipped(printable(row[at] ?? ""), widthMax)));
  const natural = columns.map((_, at) => Math.max(...[heads, ...cells].map((row) => widthOf(row[at] ?? ""))));
  const widths = look.columns === null ? natural : fitted(columns, natural, look.columns);
  const line = (row: readonly string[], paint: (cell: string, at: number) => Hue | undefined): string => {
    const shown = row.flatMap((cell, at) => {
      const width = widths[at] ?? 0;
      if (width === 0) return [];
      const text = clipped(cell, width);
      return [{ text, hue: paint(cell, at), blanks: " ".repeat(width - widthOf(text)) }];
    });
    // Paint ends before the blanks: nothing hangs at the end of a line.
    const last = shown.findLastIndex(({ text }) => text !== "");
    return `${shown.slice(0, last + 1).map(({ text, hue, blanks }, at) => painted(text, hue, look) + (at === last ? "" : blanks)).join(" ".repeat(GAP)).trimEnd()}\n`;
  };
  return line(heads, () => "bold") + cells.map((row) => line(row, (cell, at) => columns[at]?.hues?.[cell])).join("");
}

/** Widths that fit; 0 for a column that is left out. */
function fitted(columns: readonly Column[], natural: readonly number[], room: number): readonly number[] {
  const widths = [...natural];
  const rankOf = (at: number): number => columns[at]?.rank ?? at;
  const least = (at: number): number => Math.min(natural[at] ?? 0, Math.max(NARROWEST, widthOf(columns[at]?.title ?? "")));
  const taken = (): number => widths.filter((width) => width > 0).reduce((sum, width) => sum + width + GAP, -GAP);
  while (taken() > room) {
    const wide = widths.flatMap((width, at) => (width > least(at) ? [at] : []));
    const there = widths.flatMap((width, at) => (width > 0 ? [at] : []));
    const widest = wide.reduce<number | null>((best, at) => (best === null || (widths[at] ?? 0) >= (widths[best] ?? 0) ? at : best), null);
    if (widest !== null) widths[widest] = (widths[widest] ?? 0) - 1;
    else if (there.length > 1) {
      const [out = 0] = [...there].sort((a, b) => rankOf(b) - rankOf(a));
      widths[out] = 0;
      // What is left has room again.
      for (const at of there) if (at !== out) widths[at] = natural[at] ?? 0;
    } else {
      const [only = 0] = there;
      widths[only] = room;
    }
  }
  return widths;
}

/** A length of time in the two largest units that matter: `45 s`, `3 min 20 s`, `2 h 5 min`, `12 d 3 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${String(seconds)} s`;
  if (seconds < 3600) return pair(seconds, 60, "min", 1, "s");
  return seconds < 86_400 ? pair(seconds, 3600, "h", 60, "min") : pair(seconds, 86_400, "d", 3600, "h");
}

function pair(seconds: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((seconds % large) / small);
  return `${String(Math.floor(seconds / large))} ${largeName}${rest === 0 ? "" : ` ${String(rest)} ${smallName}`}`;
}

function clipped(text: string, max: number): string {
  const letters = Array.from(text);
  return letters.length <= max ? text : `${letters.slice(0, max - 1).join("")}…`;
}

/** What a phone calls itself must not steer a terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, " ");
}

function widthOf(text: string): number {
  return Array.from(text).length;
}
