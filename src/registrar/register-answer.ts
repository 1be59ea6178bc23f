import type { Aor } from "../base/ids.ts";
import type { KeyedHash } from "../base/keyed-hash.ts";
import type { Binding } from "./binding.ts";
import { publicGruu, temporaryGruu } from "./gruu.ts";

/** Seconds between keep-alives that we ask of a device on a connection (RFC 5626 §5.4, §10). */
export const flowTimerSeconds = 120;

/** What the 200 of a REGISTER says beside the bindings. */
export interface AnswerOptions {
  readonly supportsGruu: boolean;
  /** Path values to be sent back (RFC 3327 §5.3); empty for none. */
  readonly path: readonly string[];
  /** True when the registration used RFC 5626: answered with `Require: outbound`. */
  readonly isOutbound: boolean;
  /** True when it came by a connection, for which keep-alives are asked. */
  readonly isStream: boolean;
}

/** The header lines of a REGISTER's 200 (RFC 3261 §10.3 step 8): every binding with the seconds that are left to it, and the date. */
export function answerHeaders(hash: KeyedHash, aor: Aor, bindings: readonly Binding[], nowMs: number, options: AnswerOptions): string {
  let text = "";
  for (const binding of bindings) text += contactLine(hash, aor, binding, nowMs, options.supportsGruu);
  if (options.path.length > 0) text += `Path: ${options.path.join(", ")}\r\n`;
  if (options.isOutbound) text += options.isStream ? `Require: outbound\r\nFlow-Timer: ${flowTimerSeconds}\r\n` : "Require: outbound\r\n";
  return text + dateLine(nowMs);
}

function contactLine(hash: KeyedHash, aor: Aor, binding: Binding, nowMs: number, withGruu: boolean): string {
  let line = `Contact: <${binding.uri}>;expires=${Math.ceil((binding.expiresAt - nowMs) / 1000)}`;
  if (binding.q !== 1) line += `;q=${binding.q}`;
  if (binding.instance !== "") {
    line += `;+sip.instance="<${binding.instance}>"`;
    if (binding.regId !== 0) line += `;reg-id=${binding.regId}`;
    if (withGruu) line += `;pub-gruu="${publicGruu(aor, binding)}";temp-gruu="${temporaryGruu(hash, aor, binding)}"`;
  }
  return `${line}\r\n`;
}

let dateSecond = NaN;
let dateText = "";

/** The Date header line (RFC 3261 §20.17), made once a second. */
export function dateLine(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = `Date: ${new Date(second * 1000).toUTCString()}\r\n`;
  }
  return dateText;
}
