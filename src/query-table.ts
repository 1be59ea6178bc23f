/** A column: its heading, and the most characters that it shows; what is longer is cut with an ellipsis. */
export interface Column {
  readonly title: string;
  readonly widthMax: number;
}

/** A plain table, columns aligned and two blanks apart; no blanks at the ends of lines. Without rows the heading alone. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ widthMax }, at) => clipped(printable(row[at] ?? ""), widthMax)))];
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => widthOf(row[at] ?? ""))));
  return cells.map((row) => `${row.map((cell, at) => cell + " ".repeat((widths[at] ?? 0) - widthOf(cell))).join("  ").trimEnd()}\n`).join("");
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
