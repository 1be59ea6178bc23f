import type { Target } from "./target.ts";

/** Why a call goes elsewhere (RFC 5806 §2, RFC 7044). */
export type DiversionCause = "unconditional" | "user-busy" | "no-answer" | "unavailable" | "do-not-disturb" | "follow-me" | "deflection" | "unknown";

/** What a feature decides about a request. Closed: a new variant breaks the build wherever it is not handled. */
export type Verdict =
  | { readonly kind: "continue" }
  /** A user agent server of ours has answered, or will. */
  | { readonly kind: "handled" }
  | { readonly kind: "reply"; readonly status: number; readonly reason?: string; readonly headers?: string }
  /** The pipeline starts again with that request URI, one hop further. */
  | { readonly kind: "retarget"; readonly to: string; readonly cause: DiversionCause }
  /** These targets, and no lookup. */
  | { readonly kind: "route"; readonly targets: readonly Target[] };

/** The verdict of a feature that has nothing to say. */
export const goOn: Verdict = { kind: "continue" };

/** The verdict of a feature that has answered. */
export const handled: Verdict = { kind: "handled" };

/** Refuses the request. `headers` are whole lines, each with its line end. */
export function refuse(status: number, reason?: string, headers?: string): Verdict {
  return { kind: "reply", status, ...(reason === undefined ? {} : { reason }), ...(headers === undefined ? {} : { headers }) };
}
