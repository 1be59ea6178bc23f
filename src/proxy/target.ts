import type { Aor } from "../base/ids.ts";
import { noEdits, type Edits } from "../sip/edits.ts";
import type { Flow } from "../sip/transport/transport.ts";

/** One branch of a fork: where a copy of the request goes. */
export interface Target {
  /** The URI that becomes the branch's request URI. */
  readonly uri: string;
  /** The connection or UDP way that a registration came by; used while it is open, else the URI is located anew (RFC 3263). */
  readonly flow?: Flow;
  /** Route values put on the branch (RFC 3327 Path), in order. */
  readonly routes: readonly string[];
  /** The Route value that the request already has for its next hop: located in the place of `uri` (RFC 3261 §16.6 step 7). */
  readonly next?: string;
  /** Whose device it is; null for what is no user of ours. */
  readonly aor: Aor | null;
  /** Names the device among the AoR's bindings, so that a later request finds its new connection: the instance or the contact. Empty when unknown. */
  readonly device: string;
  /** 0 to 1: higher ones are tried first, equal ones together (RFC 3261 §16.6). */
  readonly q: number;
  readonly edits: Edits;
  /** How long it may ring, in milliseconds; default: until timer C. */
  readonly ringMs?: number;
}

/** A target that is nothing but a URI. */
export function plainTarget(uri: string, aor: Aor | null = null): Target {
  return { uri, routes: [], aor, device: "", q: 1, edits: noEdits };
}
