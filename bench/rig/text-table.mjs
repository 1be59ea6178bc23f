// Tables in Markdown, and numbers as people read them.

/** `–` for what was not measured. */
export function shown(value, digits = 1) {
  return value === null || value === undefined || Number.isNaN(value) ? "–" : value.toFixed(digits);
}

/** Rows of texts as a Markdown table; the first is its head. */
export function textTable(rows) {
  const [head, ...rest] = rows;
  return [head, head.map(() => "---"), ...rest].map((row) => `| ${row.join(" | ")} |\n`).join("");
}

/** The value below which the share `part` of the values lies; null without values. */
export function quantile(values, part) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}
