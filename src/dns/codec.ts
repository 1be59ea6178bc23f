import { decode, encode, RECURSION_DESIRED } from "dns-packet";
import type { Answer, DecodedPacket } from "dns-packet";
import { ParseError } from "../base/errors.ts";

/** The record types that are asked for. */
export type DnsType = "A" | "AAAA" | "SRV" | "NAPTR";

/** One record as it is used. Names are in lower case without a dot at the end; the root is the empty name. */
export type DnsRecord =
  | { readonly type: "A" | "AAAA"; readonly name: string; readonly ttlSeconds: number; readonly address: string }
  | { readonly type: "CNAME"; readonly name: string; readonly ttlSeconds: number; readonly target: string }
  | ({ readonly type: "SRV"; readonly name: string; readonly ttlSeconds: number } & SrvData)
  | ({ readonly type: "NAPTR"; readonly name: string; readonly ttlSeconds: number } & NaptrData);

/** RFC 2782. Target `""` says: this service is decidedly not here. */
export interface SrvData {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

/** RFC 3403. `flags` in lower case, `service` in upper case. */
export interface NaptrData {
  readonly order: number;
  readonly preference: number;
  readonly flags: string;
  readonly service: string;
  readonly regexp: string;
  readonly replacement: string;
}

/** A response as far as it matters. */
export interface DnsMessage {
  readonly id: number;
  readonly isTruncated: boolean;
  /** RFC 1035 §4.1.1: 0 no error, 2 server failure, 3 no such name, 5 refused. */
  readonly rcode: number;
  /** The question it answers; type in text, e.g. `A`. */
  readonly question: { readonly name: string; readonly type: string } | null;
  readonly answers: readonly DnsRecord[];
  /** How long that there is nothing may be remembered (RFC 2308 §5); null without an SOA. */
  readonly negativeSeconds: number | null;
}

/** What we say that we take over UDP: fits every path without fragments (DNS Flag Day 2020). */
export const UDP_PAYLOAD_MAX = 1232;
/** Records of one answer that are looked at; the rest is ignored. */
export const RECORDS_MAX = 128;

/** Lower case, without a dot at the end; null when it cannot be asked for (RFC 1035 §2.3.4: labels 1-63 bytes, 253 in all). */
export function dnsName(name: string): string | null {
  const plain = (name.endsWith(".") ? name.slice(0, -1) : name).toLowerCase();
  return plain.length <= 253 && NAME.test(plain) ? plain : null;
}

const NAME = /^(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$/;

/** A recursive query with EDNS(0). `name` comes from `dnsName`. */
export function encodeQuery(id: number, name: string, type: DnsType): Uint8Array {
  return encode({
    type: "query",
    id,
    flags: RECURSION_DESIRED,
    questions: [{ type, name, class: "IN" }],
    additionals: [{ type: "OPT", name: ".", udpPayloadSize: UDP_PAYLOAD_MAX, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] }],
  });
}

/** Reads a response; throws ParseError when it is none. Records of other types and classes are left out. */
export function decodeResponse(bytes: Uint8Array): DnsMessage {
  const packet = decoded(bytes);
  if (!packet.flag_qr) throw new ParseError("a DNS query where a response was expected");
  const [question] = packet.questions ?? [];
  return {
    id: packet.id ?? -1,
    isTruncated: packet.flag_tc,
    rcode: (packet.flags ?? 0) & 15,
    question: question === undefined ? null : { name: bare(question.name), type: question.type },
    answers: (packet.answers ?? []).slice(0, RECORDS_MAX).flatMap(recordOf),
    negativeSeconds: negativeOf(packet.authorities ?? []),
  };
}

function decoded(bytes: Uint8Array): DecodedPacket {
  try {
    return decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (cause) {
    throw new ParseError(`unreadable DNS message: ${cause instanceof Error ? cause.message : "unknown"}`);
  }
}

function recordOf(answer: Answer): readonly DnsRecord[] {
  if (answer.type === "OPT" || answer.class !== "IN") return [];
  const name = bare(answer.name);
  // RFC 2181 §8: a TTL with its highest bit set counts as 0.
  const ttlSeconds = answer.ttl === undefined || answer.ttl > 0x7fffffff ? 0 : answer.ttl;
  switch (answer.type) {
    case "A":
    case "AAAA":
      return [{ type: answer.type, name, ttlSeconds, address: answer.data }];
    case "CNAME":
      return [{ type: "CNAME", name, ttlSeconds, target: bare(answer.data) }];
    case "SRV": {
      const { priority = 0, weight = 0, port, target } = answer.data;
      return [{ type: "SRV", name, ttlSeconds, priority, weight, port, target: bare(target) }];
    }
    case "NAPTR": {
      const { order, preference, flags, services, regexp, replacement } = answer.data;
      return [{ type: "NAPTR", name, ttlSeconds, order, preference, flags: flags.toLowerCase(), service: services.toUpperCase(), regexp, replacement: bare(replacement) }];
    }
    default:
      return []; // signatures and whatever else a server adds
  }
}

function negativeOf(authorities: readonly Answer[]): number | null {
  for (const authority of authorities) if (authority.type === "SOA") return Math.min(authority.ttl ?? 0, authority.data.minimum ?? 0);
  return null;
}

function bare(name: string): string {
  return (name.endsWith(".") ? name.slice(0, -1) : name).toLowerCase();
}
