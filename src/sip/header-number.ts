/** The number that text[from, to) is, up to ten digits and nothing else (Content-Length, Max-Forwards, Expires); NaN for anything else. */
export function numberAt(text: string, from: number, to: number): number {
  if (from === to || to - from > 10) return NaN;
  let number = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return NaN;
    number = number * 10 + digit;
  }
  return number;
}
