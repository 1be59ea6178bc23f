import type { AgentDialog } from "../agent/agent.ts";
import type { Aor } from "../base/ids.ts";
import type { TimerId } from "../base/timer-wheel.ts";
import type { PhoneProfile } from "../phones/profile.ts";
import type { Asking, EventPackage, Rendered, Watching } from "./event-package.ts";
import type { ListWatch } from "./list-watch.ts";
import type { Witnessed } from "./notify-witness.ts";
import type { Standing } from "./standing.ts";

/** Why a subscription ends (RFC 6665 §4.1.3). `timeout`: its time is over or the watcher wants no more; `noresource`: its resource is no more; `rejected`:
 *  its watcher may not; `deactivated`: it may subscribe anew at once; `probation`: it may after a while; `giveup`: nobody said in time whether it may;
 *  `invariant`: its state can never change again. */
export type EndReason = "timeout" | "noresource" | "rejected" | "deactivated" | "probation" | "giveup" | "invariant";

/** Seconds after which a watcher may try again, for the reasons that a `retry-after` goes with. */
const RETRY_AFTER_SECONDS: Readonly<Partial<Record<EndReason, number>>> = { probation: 60, giveup: 300 };

/** The Subscription-State of a last NOTIFY. */
export function endState(reason: EndReason): string {
  const seconds = RETRY_AFTER_SECONDS[reason];
  return `terminated;reason=${reason}${seconds === undefined ? "" : `;retry-after=${seconds}`}`;
}

/** What a new subscription is made of. Texts are kept ones, no parts of a message. */
export interface SubscriptionParts extends Asking {
  readonly pack: EventPackage;
  /** The members when it is one to a list. */
  readonly list?: ListWatch;
  /** The `id` of its Event header; empty when it has none. */
  readonly eventId: string;
  readonly dialog: AgentDialog;
  /** ms since 1970. */
  readonly expiresAt: number;
  /** The last CSeq of the watcher. */
  readonly remoteCseq: number;
  /** The last CSeq of ours that was, or for a restored one may have been, used. */
  readonly cseq: number;
}

/** One subscription: the only mutable record of it, written by the subscription folder alone. It is its own `Watching`, so that rendering makes no
 *  garbage. About 0.7 KB with its texts. */
export class Subscription implements Watching, Witnessed {
  readonly resource: Aor;
  readonly entity: string;
  readonly watcher: Aor | null;
  readonly userAgent: string;
  readonly profile: PhoneProfile;
  accept: readonly string[];
  variant: number;
  standing: Standing;
  readonly pack: EventPackage;
  /** What is watched when it is one to a list: then `resource` is the list, or for one that came in a request the watcher. */
  list: ListWatch | null;
  readonly eventId: string;
  dialog: AgentDialog;
  expiresAt: number;
  remoteCseq: number;

  /** Its place in the table; the payload of its timers. */
  slot = 0;
  expiryTimer: TimerId = 0;
  retryTimer: TimerId = 0;

  /** The CSeq of the last NOTIFY; the document's version is one less, so both survive a restart by one high-water mark. */
  cseq: number;
  /** CSeqs up to this one are reserved in the store. */
  cseqLimit: number;
  /** The CSeq of the NOTIFY that is not answered yet; 0 when there is none. */
  inFlight = 0;
  /** The body that was sent last; null when nothing is known to have arrived: then the next NOTIFY goes out whatever its body is. */
  sent: Rendered | null = null;
  /** ms since 1970; 0 before the first. */
  lastSentAt = 0;
  /** What the last NOTIFY held, whatever became of it; null for none, or one without a body. */
  lastSent: Rendered | null = null;
  /** When it was answered, or given up, ms since 1970; 0 while it is not. */
  answeredAt = 0;
  /** The status of that answer; 0 for none in time, or no way to the watcher. */
  answerStatus = 0;
  isNoted = false;
  isLate = false;
  /** Failed NOTIFYs in a row; more than 0 makes it suspect: changes wait for the next try. */
  failures = 0;
  /** The state changed while a NOTIFY was in flight. */
  isDue = false;
  /** The last NOTIFY held a part of what there was to tell. */
  isSplit = false;
  /** A SUBSCRIBE of its watcher is being taken in: what changes meanwhile goes out with the NOTIFY that answers it. */
  isAnswering = false;
  /** A NOTIFY must follow the one in flight, changed or not. */
  mustSend = false;
  /** `ending`: off the table, its last NOTIFY waits for the one in flight. `over`: nothing more is sent. */
  phase: "live" | "ending" | "over" = "live";
  /** What its last NOTIFY says. */
  endReason: EndReason = "timeout";

  constructor(parts: SubscriptionParts) {
    this.resource = parts.resource;
    this.entity = parts.entity;
    this.watcher = parts.watcher;
    this.userAgent = parts.userAgent;
    this.profile = parts.profile;
    this.accept = parts.accept;
    this.pack = parts.pack;
    this.list = parts.list ?? null;
    this.variant = parts.pack.variantOf?.(parts) ?? 0;
    this.standing = this.list === null ? (parts.pack.standingOf?.(parts) ?? "allow") : "allow";
    this.eventId = parts.eventId;
    this.dialog = parts.dialog;
    this.expiresAt = parts.expiresAt;
    this.remoteCseq = parts.remoteCseq;
    this.cseq = this.cseqLimit = parts.cseq;
  }
}
