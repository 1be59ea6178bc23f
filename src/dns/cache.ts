import type { Clock } from "../base/clock.ts";
import type { DnsClient } from "./client.ts";
import { followAliases } from "./alias-chain.ts";
import { dnsName } from "./codec.ts";
import type { DnsRecord, DnsType } from "./codec.ts";

/** `found`: at least one record, all of the type asked for. `none`: the name does not exist or has no such record. `failed`: DNS is down and nothing is known. */
export type DnsResult = { readonly kind: "found"; readonly records: readonly DnsRecord[] } | { readonly kind: "none" } | { readonly kind: "failed" };

/** Looks names up; answers at once, without a promise, whatever is known. */
export interface DnsCache {
  /** Never throws and never rejects. A name that DNS cannot carry is `none`. */
  lookup(name: string, type: DnsType): DnsResult | Promise<DnsResult>;
  /** How many answers are kept. */
  readonly size: number;
}

/** Bounds of what is kept, in milliseconds unless said otherwise. */
export const DNS_CACHE = {
  entriesMax: 10_000,
  /** TTLs of the zone are kept within these. */
  ttlMinMs: 1_000,
  ttlMaxMs: 86_400_000,
  /** That there is nothing: the SOA says how long (RFC 2308 §5), within these. */
  negativeMinMs: 1_000,
  negativeMaxMs: 60_000,
  negativeDefaultMs: 10_000,
  /** That no server answered (RFC 9520 §3.2: at least 1 s). */
  failureMs: 5_000,
  /** How long after its end an answer still serves while DNS is down (RFC 8767 §5: 1 to 3 days). */
  staleMaxMs: 86_400_000,
  /** While DNS is down a stale answer is given at once for so long, then DNS is tried again (RFC 8767 §5, failure recheck timer). */
  staleRecheckMs: 30_000,
  /** A slow DNS is waited for so long before the stale answer is given (RFC 8767 §5, client response timer). */
  stalePatienceMs: 500,
} as const;

interface Entry {
  readonly result: DnsResult;
  readonly expiresMs: number;
  /** After `expiresMs`, until then: given without asking again. */
  readonly recheckMs: number;
}

/** A cache over a client: identical questions in flight are asked once, TTLs are honoured within bounds, failures are remembered briefly,
 *  and while DNS is down what was true last still serves (RFC 8767). */
export function dnsCache(deps: { readonly client: DnsClient; readonly clock: Clock; readonly entriesMax?: number }): DnsCache {
  const { client, clock, entriesMax = DNS_CACHE.entriesMax } = deps;
  const entries = new Map<string, Entry>();
  const inFlight = new Map<string, Promise<DnsResult>>();

  const keep = (key: string, entry: Entry): DnsResult => {
    entries.delete(key);
    if (entries.size >= entriesMax) for (const oldest of entries.keys()) if (entries.delete(oldest)) break;
    entries.set(key, entry);
    return entry.result;
  };

  const ask = async (key: string, name: string, type: DnsType): Promise<DnsResult> => {
    try {
      const { records, ttlSeconds } = await followAliases(client, name, type);
      const now = clock.now();
      if (records.length === 0) {
        const ms = ttlSeconds === null ? DNS_CACHE.negativeDefaultMs : within(ttlSeconds * 1000, DNS_CACHE.negativeMinMs, DNS_CACHE.negativeMaxMs);
        return keep(key, { result: { kind: "none" }, expiresMs: now + ms, recheckMs: 0 });
      }
      const ms = within((ttlSeconds ?? 0) * 1000, DNS_CACHE.ttlMinMs, DNS_CACHE.ttlMaxMs);
      return keep(key, { result: { kind: "found", records }, expiresMs: now + ms, recheckMs: 0 });
    } catch {
      // UnavailableError: the fallback is what was true last, else `failed`, for which the caller has its own.
      const now = clock.now();
      const stale = entries.get(key);
      if (stale !== undefined && isStaleUsable(stale, now)) return keep(key, { ...stale, recheckMs: now + DNS_CACHE.staleRecheckMs });
      return keep(key, { result: { kind: "failed" }, expiresMs: now + DNS_CACHE.failureMs, recheckMs: 0 });
    } finally {
      inFlight.delete(key);
    }
  };

  return {
    get size() {
      return entries.size;
    },
    lookup(text, type) {
      const name = dnsName(text);
      if (name === null) return { kind: "none" };
      const key = `${type} ${name}`;
      const entry = entries.get(key);
      const now = clock.now();
      if (entry !== undefined && now < entry.expiresMs) return entry.result;
      const stale = entry !== undefined && isStaleUsable(entry, now) ? entry : null;
      if (stale !== null && now < stale.recheckMs) return stale.result;
      let pending = inFlight.get(key);
      if (pending === undefined) {
        pending = ask(key, name, type);
        inFlight.set(key, pending);
      }
      return stale === null ? pending : patiently(pending, stale.result, clock);
    },
  };
}

function isStaleUsable(entry: Entry, now: number): boolean {
  return entry.result.kind === "found" && now < entry.expiresMs + DNS_CACHE.staleMaxMs;
}

/** The new answer, or the stale one when the new one takes long. */
function patiently(pending: Promise<DnsResult>, stale: DnsResult, clock: Clock): Promise<DnsResult> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(DNS_CACHE.stalePatienceMs, () => {
      resolve(stale);
    });
    pending.then((result) => {
      cancel();
      resolve(result);
    }, reject);
  });
}

function within(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
