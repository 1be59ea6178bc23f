import type { Clock } from "../../base/clock.ts";
import type { Flow, Hop, Protocol } from "../transport/transport.ts";

/** How long a target that failed comes last, unless its Retry-After says otherwise. */
export const FAILED_MS = 30_000;
/** A Retry-After is kept within these. */
export const RETRY_AFTER_MIN_MS = 1_000;
/** And at most this. */
export const RETRY_AFTER_MAX_MS = 600_000;
/** Most targets that are remembered; at the bound the longest known goes. */
export const FAILED_TARGETS_MAX = 4096;

/** Which targets failed a moment ago (timeout, refusal, 503), so that others are tried first (RFC 3263 §4.3). One comes back by itself. */
export interface TargetHealth {
  /** The way failed. `retryAfterMs`: what its 503 asked for; anything that is no number counts as not said. */
  failed(way: Pick<Flow, "protocol" | "remoteAddress" | "remotePort">, retryAfterMs?: number): void;
  /** The same hops, those that failed last, the longest ago first among them; order is kept otherwise. Never fewer: a last resort is better than none. */
  ordered(hops: readonly Hop[]): readonly Hop[];
}

/** A memory of failed targets that forgets by the clock. */
export function targetHealth(clock: Clock): TargetHealth {
  const untilMs = new Map<string, number>();
  return {
    failed(way, retryAfterMs = FAILED_MS) {
      const key = keyOf(way.protocol, way.remoteAddress, way.remotePort);
      const waitMs = Number.isFinite(retryAfterMs) ? Math.min(RETRY_AFTER_MAX_MS, Math.max(RETRY_AFTER_MIN_MS, retryAfterMs)) : FAILED_MS;
      untilMs.delete(key);
      if (untilMs.size >= FAILED_TARGETS_MAX) for (const oldest of untilMs.keys()) if (untilMs.delete(oldest)) break;
      untilMs.set(key, clock.now() + waitMs);
    },
    ordered(hops) {
      if (untilMs.size === 0 || hops.length < 2) return hops;
      const now = clock.now();
      const waits = hops.map((hop) => {
        const key = keyOf(hop.protocol, hop.address, hop.port);
        const until = untilMs.get(key);
        if (until === undefined) return 0;
        if (until > now) return until;
        untilMs.delete(key);
        return 0;
      });
      if (waits.every((wait) => wait === 0)) return hops;
      return hops.map((hop, at) => ({ hop, wait: waits[at] ?? 0 })).sort((a, b) => a.wait - b.wait).map(({ hop }) => hop);
    },
  };
}

function keyOf(protocol: Protocol, address: string, port: number): string {
  return `${protocol} ${address} ${port}`;
}
