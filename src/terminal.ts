/** How text is shown: in so many columns (null: as many as it takes), with colour or without. */
export interface Look {
  readonly columns: number | null;
  readonly isColoured: boolean;
}

/** Files, pipes and scripts: everything, without colour. */
export const plainLook: Look = { columns: null, isColoured: false };

/** What a text may be painted with. */
export type Hue = "bold" | "dim" | "red" | "green" | "yellow";

const CODES: Readonly<Record<Hue, string>> = { bold: "1", dim: "2", red: "31", green: "32", yellow: "33" };
const COLUMNS_MIN = 20;
const COLUMNS_MAX = 1000;
const BAR_CELLS = 24;

/** The look that an output wants: COLUMNS beats what the terminal says; NO_COLOR (not empty) and TERM=dumb mean no colour; what is no terminal gets none either. */
export function lookOf(output: { readonly isTTY?: boolean; readonly columns?: number }, env: Readonly<Record<string, string | undefined>>): Look {
  const isTerminal = output.isTTY === true;
  const told = Number(env["COLUMNS"] ?? "");
  const columns = Number.isInteger(told) && told > 0 ? told : isTerminal ? (output.columns ?? null) : null;
  return {
    columns: columns === null ? null : Math.min(COLUMNS_MAX, Math.max(COLUMNS_MIN, columns)),
    isColoured: isTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb",
  };
}

/** The text in that hue, where the look has colour. */
export function painted(text: string, hue: Hue | undefined, look: Look): string {
  return hue === undefined || !look.isColoured || text.trim() === "" ? text : `\u001b[${CODES[hue]}m${text}\u001b[0m`;
}

/** A bar for work that takes long: `[########                ]  33 %  fetched 1200 KB`. `share` is 0 to 1; unknown when it is NaN. */
export function progressBar(share: number, what: string): string {
  if (Number.isNaN(share)) return what;
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_CELLS);
  return `[${"#".repeat(full)}${" ".repeat(BAR_CELLS - full)}] ${String(Math.floor(Math.min(1, share) * 100)).padStart(3)} %  ${what}`;
}
