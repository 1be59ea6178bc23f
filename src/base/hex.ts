// Hot path: numbers as text by tables; Number.prototype.toString costs five times as much.

const THREE = Array.from({ length: 4096 }, (_, at) => at.toString(16).padStart(3, "0"));
const TWO = Array.from({ length: 256 }, (_, at) => at.toString(16).padStart(2, "0"));

/** Eight lower-case hexadecimal digits of the low 32 bits of a whole number. */
export function hex32(number: number): string {
  return (THREE[number >>> 20] ?? "") + (THREE[(number >>> 8) & 0xfff] ?? "") + (TWO[number & 0xff] ?? "");
}

/** Two lower-case hexadecimal digits of the low 8 bits. */
export function hex8(number: number): string {
  return TWO[number & 0xff] ?? "";
}
