/** Where the element that begins at `start` ends: at the next comma outside quotes and angle brackets, or at `end`. */
export function elementEnd(text: string, start: number, end: number): number {
  let isQuoted = false;
  let depth = 0;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (isQuoted) {
      if (code === 92) at++;
      else if (code === 34) isQuoted = false;
    } else if (code === 34) isQuoted = true;
    else if (code === 60) depth++;
    else if (code === 62) depth--;
    else if (code === 44 && depth <= 0) return at;
  }
  return end;
}
