import type { Aor } from "../base/ids.ts";
import { keptText } from "../base/kept-text.ts";
import type { DialogState } from "../documents/dialog-info.ts";
import type { ForkControl } from "../proxy/fork-control.ts";
import { laterState } from "./dialog-state.ts";
import { Leg } from "./leg.ts";
import { type Side } from "./side.ts";
import type { CallStart, Party, PartyCall, Person } from "./party.ts";
import type { StoredLeg } from "./stored-call.ts";

/** Branches of one call that are kept apart; those beyond it may still answer, but their ringing is not seen. */
export const branchesPerCallMax = 256;
/** Devices that may have answered the same call at once. */
export const legsPerCallMax = 16;
/** INVITEs with the same Call-ID and From tag (a spiral, an upstream fork) that count as one call. */
export const forksPerCallMax = 16;
/** Ended legs whose late 2xx is still recognised as such. */
const ENDED_TAGS_MAX = 32;

/** What a call needs of its table. */
export interface CallHost {
  now(): number;
  newId(): string;
  /** Who takes part in one more call; null when the person has as many dialogs as can be kept. */
  admitted(aor: Aor): Person | null;
  began(party: Party): void;
  /** Its state, tag or hold has changed; `before` is the state until now. */
  changed(party: Party, before: DialogState): void;
}

interface ForkPart {
  readonly id: number;
  readonly caller: Aor | null;
  readonly control: ForkControl;
  isEnded: boolean;
  hasFailed: boolean;
  wasAnswered: boolean;
}

interface Branch {
  readonly fork: ForkPart;
  readonly number: number;
  readonly aor: Aor | null;
  party: Party | null;
  tag: string;
  hasRung: boolean;
  isEnded: boolean;
}

/** One call: all INVITEs with one Call-ID and From tag. Every event is noted, then each person's state is computed anew from all
 *  branches and legs together, so that no event can be forgotten or counted twice (RFC 4235 §3.7.1). */
export class Call implements PartyCall {
  readonly start: CallStart;
  /** When something of it was last seen, ms since 1970. */
  lastSeenMs: number;
  /** The table's timer and its payload. */
  timer = 0;
  slot = -1;
  /** Another call with the same Call-ID. */
  next: Call | null = null;
  /** True while the store holds a record of it. */
  isStored = false;
  /** True when what is stored is no longer what is true. */
  isDirty = false;
  readonly #host: CallHost;
  #parties: Party[] = [];
  readonly #forks: ForkPart[] = [];
  readonly #branches: Branch[] = [];
  #legs: Leg[] = [];
  #endedTags: string[] | null = null;

  constructor(host: CallHost, start: CallStart) {
    this.#host = host;
    this.start = start;
    this.lastSeenMs = start.since;
  }

  /** True when nothing rings and nobody talks. */
  get isOver(): boolean {
    return this.#legs.length === 0 && !this.isRinging;
  }

  /** True while an INVITE of it has no final answer. */
  get isRinging(): boolean {
    for (const fork of this.#forks) if (!fork.isEnded) return true;
    return false;
  }

  /** Who has answered and not hung up. */
  get legs(): readonly Leg[] {
    return this.#legs;
  }

  /** The persons of ours whose part is not over. */
  get parties(): readonly Party[] {
    return this.#parties;
  }

  /** The forks that it is made of. */
  get forks(): readonly { readonly id: number }[] {
    return this.#forks;
  }

  /** The call as a whole, as an operator sees it. */
  get state(): "trying" | "early" | "confirmed" {
    if (this.#legs.length > 0) return "confirmed";
    return this.#branches.some((branch) => branch.hasRung && !branch.isEnded) ? "early" : "trying";
  }

  /** The way to an INVITE of it that still waits for its answer, that on which `party` rings if it does. */
  control(party: Party | null): ForkControl | null {
    const open = this.#forks.filter((fork) => !fork.isEnded);
    const ringing = open.find((fork) => this.#branches.some((branch) => branch.fork === fork && branch.party === party && branch.hasRung && !branch.isEnded));
    return (ringing ?? open[0])?.control ?? null;
  }

  /** An INVITE is about to be forked, or an INVITE known already goes to someone else. False when there are too many of them. */
  invite(fork: number, control: ForkControl, caller: Aor | null, callee: Aor | null): boolean {
    if (this.#forkOf(fork) === null) {
      if (this.#forks.length >= forksPerCallMax) return false;
      this.#forks.push({ id: fork, control, caller, isEnded: false, hasFailed: false, wasAnswered: false });
    }
    if (caller !== null) this.#liveParty(caller, "initiator");
    if (callee !== null) this.#liveParty(callee, "recipient");
    this.#settle();
    return true;
  }

  /** A branch answered with `status`, 101 or higher; `tag` is that of To, empty when it has none. */
  branchResponse(fork: number, number: number, aor: Aor | null, status: number, tag: string): void {
    const part = this.#forkOf(fork);
    if (part === null) return;
    const branch = this.#branchOf(part, number, aor);
    if (status < 200) {
      if (branch === null || branch.isEnded || part.isEnded) return;
      if (branch.party === null || branch.party.state === "terminated") branch.party = aor === null ? null : this.#liveParty(aor, "recipient");
      branch.hasRung = true;
      if (branch.tag === "") branch.tag = keptText(tag);
    } else {
      if (branch !== null) branch.isEnded = true;
      // The caller of a fork that failed has hung up or moved on: a 2xx that comes later begins nothing.
      if (status < 300 && !part.hasFailed) this.#answered(part, branch?.tag === tag ? branch.tag : tag, aor);
    }
    this.#settle();
  }

  /** A branch ended without an answer of its own. */
  branchEnd(fork: number, number: number): void {
    const branch = this.#branches.find((one) => one.fork.id === fork && one.number === number);
    if (branch === undefined || branch.isEnded) return;
    branch.isEnded = true;
    this.#settle();
  }

  /** The INVITE has its final answer: nothing of it rings any more. */
  forkEnd(fork: number, status: number): void {
    const part = this.#forkOf(fork);
    if (part === null || part.isEnded) return;
    part.isEnded = true;
    part.hasFailed = status >= 300;
    for (const branch of this.#branches) if (branch.fork === part) branch.isEnded = true;
    // Someone other than a branch has answered (pickup): the tag will be told by the first request.
    if (status < 300 && !part.wasAnswered) this.#answered(part, null, null);
    this.#settle();
  }

  /** Which side sent a message with these tags, if it belongs to a leg or to something that rings; else null. */
  sideOf(fromTag: string, toTag: string): Side | null {
    if (fromTag === this.start.fromTag && this.#knows(toTag)) return "caller";
    if (toTag === this.start.fromTag && this.#knows(fromTag)) return "callee";
    return null;
  }

  /** Either side hung up, or its end is certain. `tag` is the callee's. */
  end(tag: string): void {
    const ended = this.leg(tag);
    this.#legs = this.#legs.filter((leg) => leg !== ended);
    for (const branch of this.#branches) if (branch.tag === tag) branch.isEnded = true;
    this.isDirty = true;
    if (!this.isOver && (this.#endedTags ??= []).length < ENDED_TAGS_MAX) this.#endedTags.push(keptText(tag));
    this.#settle();
  }

  /** Ends all of it: forgotten calls, and persons who are no longer ours. */
  endAll(): void {
    for (const part of this.#forks) {
      part.isEnded = true;
      part.hasFailed = true;
    }
    for (const branch of this.#branches) branch.isEnded = true;
    this.#legs = [];
    this.isDirty = true;
    this.#settle();
  }

  /** The end of an INVITE was never told though it was answered: what still seems to ring does not. */
  stopRinging(): void {
    for (const part of this.#forks) part.isEnded = true;
    for (const branch of this.#branches) branch.isEnded = true;
    this.#settle();
  }

  /** The leg with that tag of the callee; one that has no tag yet gets it. */
  leg(tag: string): Leg | null {
    for (const leg of this.#legs) if (leg.tag === tag) return leg;
    for (const leg of this.#legs) {
      if (leg.tag !== null) continue;
      leg.tag = keptText(tag);
      this.isDirty = true;
      return leg;
    }
    return null;
  }

  /** Who holds whom has changed. */
  heldAnew(): void {
    this.isDirty = true;
    this.#settle();
  }

  /** Takes up a leg from the store: its persons are in a call since before this program began. */
  restoreLeg(stored: Omit<StoredLeg, "parties">, parties: readonly Party[]): void {
    const leg = new Leg(stored.tag);
    leg.parties.push(...parties.filter((party) => party.direction === "recipient"));
    leg.callers.push(...parties.filter((party) => party.direction === "initiator").map((party) => party.aor));
    leg.media.isHeldByCaller = stored.isHeldByCaller;
    leg.media.isHeldByCallee = stored.isHeldByCallee;
    leg.path = stored.path === null ? null : { ...stored.path };
    leg.sessionUntilMs = stored.sessionUntilMs;
    leg.provenAtMs = this.#host.now();
    this.#legs.push(leg);
  }

  /** Takes up a person's part from the store; `settle` follows. */
  restoreParty(id: string, aor: Aor, direction: "initiator" | "recipient", changedAt: number): Party | null {
    const person = this.#host.admitted(aor);
    if (person === null) return null;
    const party = this.#newParty(id, person, direction);
    party.state = "confirmed";
    party.changedAt = changedAt;
    return party;
  }

  /** Ends taking up. */
  restored(): void {
    this.#settle();
  }

  #knows(tag: string): boolean {
    for (const leg of this.#legs) if (leg.tag === tag || leg.tag === null) return true;
    if (tag === "") return false;
    for (const branch of this.#branches) if (branch.tag === tag && !branch.isEnded) return true;
    return false;
  }

  #answered(fork: ForkPart, tag: string | null, aor: Aor | null): void {
    fork.wasAnswered = true;
    if (tag !== null && this.#endedTags?.includes(tag) === true) return;
    let leg = tag === null ? null : this.leg(tag);
    if (leg === null) {
      if (this.#legs.length >= legsPerCallMax) return;
      leg = new Leg(tag === null ? null : keptText(tag));
      this.#legs.push(leg);
      this.isDirty = true;
    }
    const { caller } = fork;
    if (caller !== null && !leg.callers.includes(caller)) {
      this.#liveParty(caller, "initiator");
      leg.callers.push(caller);
      this.isDirty = true;
    }
    const party = aor === null ? null : this.#liveParty(aor, "recipient");
    if (party === null || leg.parties.includes(party)) return;
    leg.parties.push(party);
    this.isDirty = true;
  }

  #forkOf(id: number): ForkPart | null {
    for (const fork of this.#forks) if (fork.id === id) return fork;
    return null;
  }

  #branchOf(fork: ForkPart, number: number, aor: Aor | null): Branch | null {
    for (const branch of this.#branches) if (branch.number === number && branch.fork === fork) return branch;
    if (this.#branches.length >= branchesPerCallMax) return null;
    const branch: Branch = { fork, number, aor, party: aor === null ? null : this.#partyOf(aor, "recipient"), tag: "", hasRung: false, isEnded: false };
    this.#branches.push(branch);
    return branch;
  }

  #partyOf(aor: Aor, direction: "initiator" | "recipient"): Party | null {
    for (const party of this.#parties) if (party.aor === aor && party.direction === direction) return party;
    return null;
  }

  #liveParty(aor: Aor, direction: "initiator" | "recipient"): Party | null {
    const known = this.#partyOf(aor, direction);
    if (known !== null) return known;
    const person = this.#host.admitted(aor);
    return person === null ? null : this.#newParty(this.#host.newId(), person, direction);
  }

  #newParty(id: string, person: Person, direction: "initiator" | "recipient"): Party {
    const now = this.#host.now();
    const party: Party = { start: this.start, call: this, id, person, aor: person.aor, direction, since: now, state: "trying", changedAt: now, tag: "", peer: null, onHold: false, wasSeen: false, view: null };
    this.#parties.push(party);
    this.#host.began(party);
    return party;
  }

  #settle(): void {
    let hasEnded = false;
    for (const party of this.#parties) {
      if (party.direction === "initiator") this.#settleCaller(party);
      else this.#settleCallee(party);
      hasEnded ||= party.state === "terminated";
    }
    if (hasEnded) this.#parties = this.#parties.filter((party) => party.state !== "terminated");
  }

  #settleCaller(party: Party): void {
    for (const leg of this.#legs) {
      if (!leg.callers.includes(party.aor)) continue;
      this.#become(party, "confirmed", leg.tag ?? "", leg.media.isHeldByCaller, leg.parties[0]?.aor ?? null);
      return;
    }
    if (party.state === "confirmed" || !this.#isCalling(party.aor)) {
      this.#become(party, "terminated", party.tag, false, party.peer);
      return;
    }
    const branch = this.#ringing(null, party.tag, party.aor);
    if (branch === null) this.#become(party, party.state, party.tag, false, null);
    else this.#become(party, branch.tag === "" ? "proceeding" : "early", branch.tag === "" ? party.tag : branch.tag, false, null);
  }

  #isCalling(caller: Aor): boolean {
    for (const fork of this.#forks) if (!fork.isEnded && fork.caller === caller) return true;
    return false;
  }

  #settleCallee(party: Party): void {
    for (const leg of this.#legs) {
      if (!leg.parties.includes(party)) continue;
      this.#become(party, "confirmed", leg.tag ?? "", leg.media.isHeldByCallee, null);
      return;
    }
    const branch = party.state === "confirmed" ? null : this.#ringing(party, party.tag, null);
    if (branch !== null) this.#become(party, "early", branch.tag, false, null);
    else if (party.state !== "trying" || !this.isRinging || this.#haveAllFailed(party)) this.#become(party, "terminated", party.tag, false, null);
  }

  /** A branch that rings, of that person or of that caller's INVITEs: that with `tag` while it rings, else the first with a tag, else the first. */
  #ringing(party: Party | null, tag: string, caller: Aor | null): Branch | null {
    let first: Branch | null = null;
    for (const branch of this.#branches) {
      if (!branch.hasRung || branch.isEnded || (party !== null && branch.party !== party)) continue;
      if (caller !== null && branch.fork.caller !== caller) continue;
      if (branch.tag !== "" && branch.tag === tag) return branch;
      if (first === null || (first.tag === "" && branch.tag !== "")) first = branch;
    }
    return first;
  }

  /** True when that person has branches that are known, and none of them is left. */
  #haveAllFailed(party: Party): boolean {
    let hasFailed = false;
    for (const branch of this.#branches) {
      if (branch.party !== party) continue;
      if (!branch.isEnded) return false;
      hasFailed = true;
    }
    return hasFailed;
  }

  #become(party: Party, wanted: DialogState, tag: string, onHold: boolean, peer: Aor | null): void {
    const before = party.state;
    const state = laterState(before, wanted);
    if (state === before && tag === party.tag && onHold === party.onHold && peer === party.peer) return;
    if (state !== before || onHold !== party.onHold) party.changedAt = this.#host.now();
    if (state === "terminated") party.call = null;
    party.state = state;
    party.tag = tag;
    party.onHold = onHold;
    party.peer = peer;
    party.view = null;
    this.#host.changed(party, before);
  }
}
