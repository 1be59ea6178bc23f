import type { Aor } from "../base/ids.ts";
import { isHolding, type MediaDirection } from "../sip/sdp.ts";
import type { LegPath } from "./leg-path.ts";
import type { Party } from "./party.ts";
import { otherSide, type Side } from "./side.ts";

/** A device that has answered with 2xx, until either side hangs up: one dialog of RFC 3261 §12. */
export class Leg {
  /** The callee's tag; null while someone other than a branch has answered and no request told the tag yet. */
  tag: string | null;
  /** Who has called: callers of ours. */
  readonly callers: Aor[] = [];
  /** Whose device it is: one person, or more when the call came through us twice. */
  readonly parties: Party[] = [];
  isHeldByCaller = false;
  isHeldByCallee = false;
  /** How its sides are reached; null when that is not known. */
  path: LegPath | null = null;
  /** When the session is over unless it is refreshed (RFC 4028), ms since 1970; 0 when no refresh is expected. */
  sessionUntilMs = 0;
  /** When the sentinel last found it alive, or began to look; ms since 1970. */
  provenAtMs = 0;
  #offerBy: Side | null = null;
  #offer: MediaDirection = "sendrecv";
  #askedBy: Side | null = null;
  #askedMethod = "";
  #silentSide: Side | null = null;

  constructor(tag: string | null) {
    this.tag = tag;
  }

  /** True when an offer waits for its answer: an ACK may bring it. */
  get awaitsAnswer(): boolean {
    return this.#offerBy !== null;
  }

  /** A session description passed: an offer, unless it answers the other side's. True when an answer changed who holds. Whom the caller hears
   *  and whom not counts once it is agreed (RFC 3264 §8.4). */
  describe(side: Side, direction: MediaDirection): boolean {
    if (this.#offerBy === null || this.#offerBy === side) {
      this.#offerBy = side;
      this.#offer = direction;
      return false;
    }
    const wasHeldByCaller = this.isHeldByCaller;
    const wasHeldByCallee = this.isHeldByCallee;
    this.#hold(this.#offerBy, isHolding(this.#offer));
    // An answer to an offer that holds cannot say anything of its own (RFC 3264 §6.1): only one to an open offer tells whether its side holds.
    if (this.#offer === "sendrecv") this.#hold(side, isHolding(direction));
    this.#offerBy = null;
    return wasHeldByCaller !== this.isHeldByCaller || wasHeldByCallee !== this.isHeldByCallee;
  }

  /** The offer was refused: all stays as it was. */
  dropOffer(): void {
    this.#offerBy = null;
  }

  /** `side` asks the other something that wants an answer. */
  asks(side: Side, method: string): void {
    this.#askedBy = side;
    this.#askedMethod = method;
  }

  /** True while a request has no final answer. */
  get isAsked(): boolean {
    return this.#askedBy !== null;
  }

  /** True while a request of that method by that side has no final answer. */
  isAskedBy(side: Side, method: string): boolean {
    return this.#askedBy === side && this.#askedMethod === method;
  }

  /** The request that waits was not answered in time. True when that proves the end: both sides were silent, or one twice with nothing heard
   *  from it between. (A phone that lost its way for a moment still talks, and its peer says BYE if it gives up.) */
  isSilent(): boolean {
    if (this.#askedBy === null) return false;
    const isProven = this.#silentSide !== null;
    this.#silentSide = otherSide(this.#askedBy);
    this.#askedBy = null;
    this.#offerBy = null;
    return isProven;
  }

  /** `side` was heard: it is alive; with `isAnswer`, what it was asked is answered. */
  heard(side: Side, isAnswer: boolean): void {
    if (this.#silentSide === side) this.#silentSide = null;
    if (isAnswer) this.#askedBy = null;
  }

  #hold(side: Side, isHeld: boolean): void {
    if (side === "caller") this.isHeldByCaller = isHeld;
    else this.isHeldByCallee = isHeld;
  }
}
