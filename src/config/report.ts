import type { LineCounter } from "yaml";

/** One mistake of the operator, at a place of a file that he wrote. Lines and columns count from 1. */
export interface Mistake {
  /** 0 for the configuration, 1 for the directory: the order in which files are reported. */
  readonly fileOrder: number;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `what is wrong; what to write`. */
  readonly text: string;
}

/** Gathers what is wrong with one file; reading goes on after a mistake, so that all are told at once. */
export class Report {
  readonly mistakes: Mistake[] = [];
  readonly warnings: string[] = [];
  readonly file: string;
  readonly #order: number;
  readonly #lines: LineCounter;

  /** `file` is the name as the user would write it; `lines` finds the line of a character of its text. */
  constructor(file: string, order: number, lines: LineCounter) {
    this.file = file;
    this.#order = order;
    this.#lines = lines;
  }

  /** Notes a mistake at character `offset` of the file (from 0). `wrong` says what was seen, `write` what to write instead. */
  mistake(offset: number, wrong: string, write: string): void {
    const { line, col } = this.#lines.linePos(offset);
    const place = { line: Math.max(1, line), column: Math.max(1, col) };
    this.mistakes.push({ fileOrder: this.#order, file: this.file, ...place, text: `${wrong}; ${write}` });
  }

  /** Notes what is allowed but deserves a second look; told when the server starts. Never of the form FILE:LINE:COLUMN. */
  warn(text: string): void {
    this.warnings.push(text);
  }
}

/** The lines of a `ConfigError`: `FILE:LINE:COLUMN: what is wrong; what to write`, by file, then place; nothing is said twice. */
export function mistakeLines(mistakes: readonly Mistake[]): string[] {
  const sorted = mistakes.toSorted((a, b) => a.fileOrder - b.fileOrder || a.line - b.line || a.column - b.column);
  return [...new Set(sorted.map((m) => `${m.file}:${String(m.line)}:${String(m.column)}: ${m.text}`))];
}
