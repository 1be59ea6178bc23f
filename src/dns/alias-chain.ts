import type { DnsClient } from "./client.ts";
import type { DnsMessage, DnsRecord, DnsType } from "./codec.ts";

/** Longest chain of CNAMEs that is followed, over all questions; a longer one, or a ring, counts as nothing found. */
export const ALIASES_MAX = 8;

/** What a name leads to. */
export interface AliasEnd {
  /** All of the type asked for; none when the name does not exist or has no such record. */
  readonly records: readonly DnsRecord[];
  /** The least of the chain and its records; for nothing found what the SOA says; null when nothing says. */
  readonly ttlSeconds: number | null;
}

/** Asks for a name and follows CNAMEs (RFC 1034 §3.6.2): within an answer, and with further questions when a server leaves the end out.
 *  Rejects with UnavailableError as the client does. */
export async function followAliases(client: DnsClient, name: string, type: DnsType): Promise<AliasEnd> {
  let at = name;
  let ttlSeconds = Infinity;
  let aliases = 0;
  for (;;) {
    const message = await client.query(at, type);
    const start = at;
    for (let alias = aliasOf(message, at); alias !== null; alias = aliasOf(message, at)) {
      if (++aliases > ALIASES_MAX) return { records: [], ttlSeconds: null };
      at = alias.target;
      ttlSeconds = Math.min(ttlSeconds, alias.ttlSeconds);
    }
    const records = message.answers.filter((record) => record.type === type && record.name === at);
    if (records.length > 0) return { records, ttlSeconds: records.reduce((least, record) => Math.min(least, record.ttlSeconds), ttlSeconds) };
    if (at === start || message.rcode !== 0 || message.negativeSeconds !== null) return { records, ttlSeconds: message.negativeSeconds };
  }
}

function aliasOf(message: DnsMessage, name: string): { readonly target: string; readonly ttlSeconds: number } | null {
  for (const record of message.answers) if (record.type === "CNAME" && record.name === name) return record;
  return null;
}
