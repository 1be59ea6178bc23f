/** The methods that this server knows by name; their places are their numbers. */
export const methodNames: readonly string[] = ["INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER", "INFO", "PRACK", "UPDATE"];

/** True for the methods that this server knows by name. */
export function isKnownMethod(method: string): boolean {
  return methodNames.includes(method);
}

/** The method as one of a few shared strings, so that keeping it keeps no message alive. */
export function internMethod(text: string, start: number, end: number): string {
  for (const method of methodNames) if (method.length === end - start && text.startsWith(method, start)) return method;
  return text.slice(start, end);
}

/** The method of that number; empty when there is none. */
export function methodNumbered(number: number): string {
  return methodNames[number] ?? "";
}

/** True when all characters are those of a token (RFC 3261 §25.1). */
export function isToken(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const c = text.charCodeAt(at);
    const isAlphanumeric = (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122);
    if (!isAlphanumeric && !"-.!%*_+`'~".includes(text.charAt(at))) return false;
  }
  return true;
}
