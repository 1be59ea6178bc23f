import type { Aor } from "../base/ids.ts";
import type { LegPath } from "./leg-path.ts";
import { MediaTalk } from "./media-talk.ts";
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
  /** Who holds whom. */
  readonly media = new MediaTalk();
  /** How its sides are reached; null when that is not known. */
  path: LegPath | null = null;
  /** When the session is over unless it is refreshed (RFC 4028), ms since 1970; 0 when no refresh is expected. */
  sessionUntilMs = 0;
  /** When the sentinel last found it alive, or began to look; ms since 1970. */
  provenAtMs = 0;
  #askedBy: Side | null = null;
  #askedMethod = "";
  #silentSide: Side | null = null;

  constructor(tag: string | null) {
    this.tag = tag;
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
    this.media.refused(this.#silentSide);
    this.#askedBy = null;
    return isProven;
  }

  /** `side` was heard: it is alive; with `isAnswer`, what it was asked is answered. */
  heard(side: Side, isAnswer: boolean): void {
    if (this.#silentSide === side) this.#silentSide = null;
    if (isAnswer) this.#askedBy = null;
  }
}
