import type { Clock } from "../base/clock.ts";
import { UnavailableError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { decodeResponse, encodeQuery } from "./codec.ts";
import type { DnsMessage, DnsType } from "./codec.ts";
import { exchangeTcp, exchangeUdp } from "./exchange.ts";
import type { NameServer } from "./name-servers.ts";

/** Asks name servers; keeps nothing. */
export interface DnsClient {
  /** The answer, also that there is none (rcode 0 or 3); rejects with UnavailableError when no server gave one in time. `name` comes from `dnsName`. */
  query(name: string, type: DnsType): Promise<DnsMessage>;
}

/** Questions in flight; more are refused with UnavailableError. */
export const QUERIES_MAX = 512;

/** `timeoutMs` is the wait for one server's answer; `attempts` how often the whole list is gone through. */
export interface DnsClientDeps {
  readonly servers: readonly NameServer[];
  readonly clock: Clock;
  readonly random: Random;
  readonly timeoutMs?: number;
  readonly attempts?: number;
}

/** A client that asks one server after another, first the one that answered last. Each question has a random id and a port of its own,
 *  taken by the operating system at random (RFC 5452 §9); an answer must come from the server's address and repeat id and question. */
export function dnsClient(deps: DnsClientDeps): DnsClient {
  const { servers, clock, random, timeoutMs = 1000, attempts = 2 } = deps;
  let preferred = 0;
  let inFlight = 0;

  const ask = async (server: NameServer, name: string, type: DnsType): Promise<DnsMessage> => {
    const id = random.below(65_536);
    const query = encodeQuery(id, name, type);
    const accept = (bytes: Uint8Array): DnsMessage | null => answerTo(bytes, id, name, type);
    const answer = await exchangeUdp(server, query, accept, clock, timeoutMs);
    if (!answer.isTruncated) return answer;
    return await exchangeTcp(server, query, accept, clock, timeoutMs);
  };

  return {
    async query(name, type) {
      if (inFlight >= QUERIES_MAX) throw new UnavailableError(`DNS: ${QUERIES_MAX} questions in flight`);
      inFlight++;
      try {
        const failures: string[] = [];
        let last: unknown;
        const first = preferred;
        for (let turn = 0; turn < attempts * servers.length; turn++) {
          const index = (first + turn) % servers.length;
          const server = servers[index];
          if (server === undefined) break;
          try {
            const answer = await ask(server, name, type);
            if (answer.rcode === NO_ERROR || answer.rcode === NO_SUCH_NAME) {
              preferred = index;
              return answer;
            }
            failures.push(`${server.address} answered with rcode ${answer.rcode}`);
          } catch (cause) {
            last = cause;
            failures.push(`${server.address}: ${cause instanceof Error ? cause.message : "failed"}`);
          }
        }
        throw new UnavailableError(`DNS: no answer for ${name} ${type} (${failures.slice(-servers.length).join("; ")})`, { cause: last });
      } finally {
        inFlight--;
      }
    },
  };
}

const NO_ERROR = 0;
const NO_SUCH_NAME = 3;

/** The answer to that question, or null for anything else that arrives: forged, late, damaged. */
function answerTo(bytes: Uint8Array, id: number, name: string, type: DnsType): DnsMessage | null {
  let message: DnsMessage;
  try {
    message = decodeResponse(bytes);
  } catch {
    return null; // a ParseError: the wait goes on, the right answer may still come
  }
  if (message.id !== id) return null;
  // Some servers repeat no question in a refusal.
  if (message.question === null) return message.rcode === NO_ERROR || message.rcode === NO_SUCH_NAME ? null : message;
  return message.question.name === name && message.question.type === type ? message : null;
}
