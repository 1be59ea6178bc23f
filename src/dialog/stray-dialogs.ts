import type { Aor } from "../base/ids.ts";
import { keptText } from "../base/kept-text.ts";
import { contactUri } from "../proxy/record-route.ts";
import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { parseSipUri } from "../sip/uri.ts";
import { isHolding, type MediaDirection } from "../sip/sdp.ts";
import { directionIn } from "./in-dialog.ts";
import { sessionEnd } from "./session-timer.ts";
import type { StoredCall, StoredParty } from "./stored-call.ts";

/** Requests within dialogs that nobody knows, which wait for their answer at once; those beyond it adopt nothing. */
const WAITING_MAX = 1000;
/** How long one may wait. */
const WAIT_MS = 64_000;
/** Longer texts are not kept. */
const TEXT_LENGTH_MAX = 1024;

/** Who is who, and where. */
export interface StrayPeople {
  identify(uri: string): Aor | null;
  /** The Contact URIs of a person's phones. */
  contactsOf?(aor: Aor): readonly string[];
}

interface Stray {
  readonly atMs: number;
  readonly from: string;
  readonly to: string;
  readonly contact: string;
  readonly cseq: number;
  readonly routes: string;
  readonly method: string;
  /** What it offers; null when it describes nothing. */
  readonly direction: MediaDirection | null;
}

/** Dialogs that go through us and are not in the table: their record was lost, or they were given up wrongly. One that both sides agree on anew
 *  (re-INVITE or UPDATE and its 2xx: also the refresh of a session timer) lives, and is taken up again: a dark lamp that has a call is wrong as well. */
export class StrayDialogs {
  readonly #waiting = new Map<string, Stray>();
  readonly #people: StrayPeople;

  /** A person's part is taken up only where one of his phones is: else anybody who is in some call could light the lamp of anybody. */
  constructor(people: StrayPeople) {
    this.#people = people;
  }

  /** A request within a dialog that is not known passes. */
  asked(request: Message, now: number): void {
    if (request.method !== "INVITE" && request.method !== "UPDATE") return;
    for (const [key, { atMs }] of this.#waiting) {
      if (now - atMs < WAIT_MS) break;
      this.#waiting.delete(key);
    }
    const { callId, fromTag, toTag } = request;
    const from = request.header(Header.from) ?? "";
    const to = request.header(Header.to) ?? "";
    const contact = contactUri(request);
    const routes = request.values(Header.route).reverse().join(",");
    if (fromTag === "" || toTag === "" || this.#waiting.size >= WAITING_MAX) return;
    if ([callId, from, to, contact].some((text) => text.length > TEXT_LENGTH_MAX) || routes.length > 2 * TEXT_LENGTH_MAX) return;
    this.#waiting.set(keptText(`${callId} ${fromTag} ${toTag}`), {
      atMs: now, from: keptText(from), to: keptText(to), contact: keptText(contact), cseq: request.cseq, routes: keptText(routes), method: request.method, direction: directionIn(request),
    });
  }

  /** A final response that belongs to no call that is known: the call that it proves, or null. `newId` names a part. */
  answered(response: Message, now: number, newId: () => string): StoredCall | null {
    if (this.#waiting.size === 0) return null;
    const { callId, fromTag, toTag, status } = response;
    const key = `${callId} ${fromTag} ${toTag}`;
    const stray = this.#waiting.get(key);
    if (stray === undefined) return null;
    this.#waiting.delete(key);
    const contact = contactUri(response);
    if (status >= 300 || contact === "") return null;
    const caller = this.#personAt(stray.from, stray.contact);
    const callee = this.#personAt(stray.to, contact);
    const parties: StoredParty[] = [];
    if (caller !== null) parties.push({ id: newId(), aor: caller, direction: "initiator", changedAt: now });
    if (callee !== null) parties.push({ id: newId(), aor: callee, direction: "recipient", changedAt: now });
    if (parties.length === 0) return null;
    const path = { callerTarget: stray.contact, calleeTarget: keptText(contact), routes: stray.routes, callerCseq: stray.cseq, calleeCseq: -1 };
    return {
      callId: keptText(callId),
      fromTag: keptText(fromTag),
      from: stray.from,
      to: stray.to.replace(/;[ \t]*tag[ \t]*=[^;]*/i, ""),
      callee,
      since: now,
      parties,
      legs: [{ tag: keptText(toTag), parties: parties.map(({ id }) => id), ...holds(stray, directionIn(response)), path, sessionUntilMs: sessionEnd(response, now) }],
    };
  }

  #personAt(value: string, contact: string): Aor | null {
    try {
      const aor = this.#people.identify(parseNameAddr(value).uri);
      return aor !== null && this.#people.contactsOf?.(aor).some((one) => isSameAddress(one, contact)) === true ? aor : null;
    } catch {
      // It passed the proxy's lenient checks; it names nobody of ours.
      return null;
    }
  }
}

/** Who holds in a call of which nothing older is known. To an offer that takes all or only listens, the answer tells whether its side holds; an INVITE without one gets the other side's. */
function holds({ method, direction }: Stray, answer: MediaDirection | null): { readonly isHeldByCaller: boolean; readonly isHeldByCallee: boolean } {
  const isHeldByCaller = direction !== null && isHolding(direction);
  const isAnswerHeard = direction === null ? method === "INVITE" : !isHeldByCaller;
  return { isHeldByCaller, isHeldByCallee: isAnswerHeard && answer !== null && isHolding(answer) };
}

function isSameAddress(one: string, other: string): boolean {
  const [a, b] = [parseSipUri(one), parseSipUri(other)];
  return a !== null && b !== null && a.host.toLowerCase() === b.host.toLowerCase() && (a.port || 5060) === (b.port || 5060);
}
