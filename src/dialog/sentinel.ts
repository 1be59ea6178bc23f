import type { Clock } from "../base/clock.ts";
import { keptText } from "../base/kept-text.ts";
import type { Log } from "../base/log.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { Message } from "../sip/message.ts";
import type { Call } from "./call.ts";
import type { Leg } from "./leg.ts";
import type { Side } from "./side.ts";
import type { Prober } from "./sentinel-probe.ts";
import { noDoubt, sentinelVerdict, type DeathReason, type Doubt, type ProbeAnswer, type ProbeRound } from "./sentinel-verdict.ts";

/** What the sentinel sees and does in the dialog table. */
export interface GuardedCalls {
  /** Calls are numbered from 0; those that are gone leave gaps. */
  readonly slots: number;
  callAt(slot: number): Call | null;
  /** Persons are numbered from 0 and never go. */
  readonly persons: number;
  /** Ends one leg: it is over, whatever the phones say later. */
  endLeg(call: Call, leg: Leg): void;
  /** Compare lamps with calls, and mend; how many lamps were wrong. */
  auditCall(call: Call): number;
  auditPerson(number: number): number;
  /** Calls that were taken up because they turned out to live. */
  readonly adopted: number;
  /** Hears of requests within dialogs that are not in the table. A view. */
  onStray: ((request: Message) => void) | null;
}

/** What the sentinel has done, for metrics. */
export interface SentinelCounts {
  /** Probes by what came of them. */
  readonly probes: Record<ProbeAnswer, number>;
  /** Calls taken off the lamps, by what proved their end. */
  readonly healed: Record<DeathReason, number>;
  /** Lamps that were mended because nothing explained them. */
  mended: number;
  /** Phones that turned out to live in a call that their answers (or their silence) had called dead: they are not believed again. */
  mistaken: number;
}

/** Proves continuously that every lit lamp has a live call and every dark one none. */
export interface Sentinel {
  readonly counts: SentinelCounts;
  /** Lamps that nothing explained in the last round over all of them. */
  readonly unexplained: number;
  /** Calls in doubt: their phones are asked right now, or did not answer when they were asked last. */
  readonly doubted: number;
  /** Begins; once. */
  start(): void;
}

/** What a sentinel needs. */
export interface SentinelDeps {
  readonly calls: GuardedCalls;
  readonly prober: Prober;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly log: Log;
  /** `probeMs`: how long a call may go without a sign of life until its phones are asked; 0: they are not. */
  readonly settings: { readonly probeMs: number; readonly endDead: boolean };
}

/** Calls that are asked at once, and begun to be asked in a second. */
export const probesMax = 500;
/** Most that begin in one second: two OPTIONS each. */
export const probesPerSecondMax = 100;
const TICK_MS = 500;
/** Slots and persons that are looked at in one tick at most. */
const VISITS_MAX = 2000;
/** Every call is looked at so often within the time that it may go unseen. */
const TURNS = 4;
/** All lamps are compared with their calls this often, also when no phone is asked. */
const AUDIT_MS = 60_000;
const AGAIN_MS = 2000;
/** While a request of one side waits for its answer nothing is asked, but no longer than that can take. */
const ASKED_MS_MAX = 240_000;
/** Two phones that cannot be asked are given up after so many times the time that a call may go unseen. */
const UNREACHABLE_PROBES = 5;
const BURIED_MAX = 1000;
const MISTAKEN_MAX = 1000;

/** A sentinel that rests until `start`. */
export function sentinel(deps: SentinelDeps): Sentinel {
  return new WatchfulSentinel(deps);
}

/** One round of probes of one leg. */
interface Inquiry {
  readonly call: Call;
  readonly leg: Leg;
  readonly beganAtMs: number;
  readonly hasSessionLapsed: boolean;
  readonly phones: Record<Side, string>;
  doubt: Doubt;
}

/** A leg that was ended, to learn from if it lives after all. */
interface Buried {
  readonly fromTag: string;
  readonly tag: string;
  readonly answers: Readonly<Record<Side, ProbeAnswer>>;
  readonly phones: Readonly<Record<Side, string>>;
}

class WatchfulSentinel implements Sentinel {
  readonly counts: SentinelCounts = { probes: { lost: 0, alive: 0, silent: 0, unreachable: 0 }, healed: { lost: 0, silent: 0, unreachable: 0, session: 0 }, mended: 0, mistaken: 0 };
  unexplained = 0;
  readonly #deps: SentinelDeps;
  readonly #tickKind: number;
  readonly #againKind: number;
  readonly #turnMs: number;
  readonly #inquiries = new Map<Leg, Inquiry>();
  readonly #doubts = new Map<Leg, { readonly call: Call; readonly doubt: Doubt }>();
  readonly #buried = new Map<string, Buried>();
  readonly #mistaken = new Set<string>();
  readonly #again = new Map<number, () => void>();
  #lastAgain = 0;
  #slot = 0;
  #person = 0;
  #wrong = 0;
  #budget = 0;

  constructor(deps: SentinelDeps) {
    this.#deps = deps;
    const { probeMs } = deps.settings;
    this.#turnMs = probeMs === 0 ? AUDIT_MS : Math.min(AUDIT_MS, probeMs / TURNS);
    this.#tickKind = deps.wheel.kind(() => {
      this.#tick();
    });
    this.#againKind = deps.wheel.kind((number) => {
      const run = this.#again.get(number);
      this.#again.delete(number);
      run?.();
    });
  }

  get doubted(): number {
    return this.#inquiries.size + this.#doubts.size;
  }

  start(): void {
    this.#deps.calls.onStray = (request) => {
      this.#onStray(request);
    };
    this.#deps.wheel.start(this.#tickKind, TICK_MS, 0);
  }

  #tick(): void {
    this.#deps.wheel.start(this.#tickKind, TICK_MS, 0);
    this.#budget = Math.min(probesPerSecondMax, this.#budget + (probesPerSecondMax * TICK_MS) / 1000);
    const { calls } = this.#deps;
    const total = calls.slots + calls.persons;
    const visits = Math.min(VISITS_MAX, Math.ceil((total * TICK_MS) / this.#turnMs));
    for (let visit = 0; visit < visits; visit++) this.#visit();
  }

  /** One call or one person; after the last of them all over again. */
  #visit(): void {
    const { calls } = this.#deps;
    if (this.#slot < calls.slots) {
      const call = calls.callAt(this.#slot++);
      if (call === null) return;
      this.#count(calls.auditCall(call));
      if (call.slot !== -1 && this.#deps.settings.probeMs > 0) this.#look(call);
      return;
    }
    if (this.#person < calls.persons) {
      this.#count(calls.auditPerson(this.#person++));
      return;
    }
    this.#slot = this.#person = 0;
    this.unexplained = this.#wrong;
    this.#wrong = 0;
    for (const [leg, { call }] of this.#doubts) if (!isLive(call, leg)) this.#doubts.delete(leg);
  }

  #count(wrong: number): void {
    if (wrong === 0) return;
    this.#wrong += wrong;
    this.unexplained = this.#wrong;
    this.counts.mended += wrong;
    this.#deps.log.error({ count: wrong }, "a lamp did not fit its call, and was mended");
  }

  #look(call: Call): void {
    const now = this.#deps.clock.now();
    for (const leg of call.legs) {
      const seenMs = Math.max(call.lastSeenMs, leg.provenAtMs);
      if (this.#inquiries.has(leg) || (leg.isAsked && now - seenMs < ASKED_MS_MAX)) continue;
      if (now - seenMs < this.#deps.settings.probeMs || this.#inquiries.size >= probesMax || this.#budget < 1) continue;
      this.#budget--;
      const hasSessionLapsed = leg.sessionUntilMs !== 0 && now > leg.sessionUntilMs;
      // It cannot be asked: its session timer, or its age, is all there is.
      if (leg.path === null || leg.tag === null) {
        if (hasSessionLapsed) this.#bury({ call, leg, beganAtMs: now, hasSessionLapsed, phones: { caller: "", callee: "" }, doubt: noDoubt }, "session", { kind: "within", caller: "unreachable", callee: "unreachable" });
        continue;
      }
      const inquiry: Inquiry = { call, leg, beganAtMs: now, hasSessionLapsed, phones: { caller: "", callee: "" }, doubt: this.#doubts.get(leg)?.doubt ?? noDoubt };
      this.#inquiries.set(leg, inquiry);
      this.#ask(inquiry, "within");
    }
  }

  #ask(inquiry: Inquiry, kind: ProbeRound["kind"]): void {
    const answers: Partial<Record<Side, ProbeAnswer>> = {};
    for (const side of SIDES) {
      this.#deps.prober.ask(inquiry.call, inquiry.leg, side, kind, (answer, phone) => {
        this.counts.probes[answer]++;
        inquiry.phones[side] = phone;
        // Who was wrong before is there, as far as anybody can tell.
        answers[side] = answer !== "alive" && this.#mistaken.has(`${answer} ${phone}`) ? "alive" : answer;
        const { caller, callee } = answers;
        if (caller !== undefined && callee !== undefined) this.#conclude(inquiry, { kind, caller, callee });
      });
    }
  }

  #conclude(inquiry: Inquiry, round: ProbeRound): void {
    const { call, leg, hasSessionLapsed } = inquiry;
    const { clock } = this.#deps;
    const isOver = !isLive(call, leg);
    // Something was said in the call meanwhile: it lives.
    const isHeard = call.lastSeenMs > inquiry.beganAtMs;
    if (isOver || isHeard) {
      this.#inquiries.delete(leg);
      this.#doubts.delete(leg);
      return;
    }
    const times = { beganAtMs: inquiry.beganAtMs, endedAtMs: clock.now(), unreachableMs: UNREACHABLE_PROBES * this.#deps.settings.probeMs };
    const verdict = sentinelVerdict(round, inquiry.doubt, hasSessionLapsed, times);
    switch (verdict.kind) {
      case "again":
        inquiry.doubt = verdict.doubt;
        this.#later(() => {
          this.#ask(inquiry, verdict.round);
        });
        return;
      case "dead":
        this.#bury(inquiry, verdict.reason, round);
        return;
      case "wait":
        this.#doubts.set(leg, { call, doubt: verdict.doubt });
        break;
      case "alive":
        this.#doubts.delete(leg);
        // Whoever promised to refresh the session did not, and yet it goes on: nothing is expected of it any more.
        if (hasSessionLapsed) leg.sessionUntilMs = 0;
    }
    this.#inquiries.delete(leg);
    leg.provenAtMs = clock.now();
  }

  #later(run: () => void): void {
    this.#again.set(++this.#lastAgain, run);
    this.#deps.wheel.start(this.#againKind, AGAIN_MS, this.#lastAgain);
  }

  #bury(inquiry: Inquiry, reason: DeathReason, { caller, callee }: ProbeRound): void {
    const { call, leg, phones } = inquiry;
    const { log, calls, prober, settings } = this.#deps;
    this.#inquiries.delete(leg);
    this.#doubts.delete(leg);
    this.counts.healed[reason]++;
    log.info({ callId: call.start.callId, reason: WORDS[reason], durationMs: this.#deps.clock.now() - call.start.since }, "a call that ended unseen was taken off the lamps");
    if (this.#buried.size >= BURIED_MAX) for (const oldest of this.#buried.keys()) if (this.#buried.delete(oldest)) break;
    this.#buried.set(call.start.callId, { fromTag: call.start.fromTag, tag: leg.tag ?? "", answers: { caller, callee }, phones });
    if (settings.endDead) for (const side of SIDES) prober.hangUp(call, leg, side);
    calls.endLeg(call, leg);
  }

  /** A request within a dialog that is not known. If it is one that was given up, its sender's answer was no proof: he is not believed again. */
  #onStray(request: Message): void {
    if (this.#buried.size === 0) return;
    const { callId, fromTag, toTag } = request;
    const buried = this.#buried.get(callId);
    if (buried === undefined) return;
    const side = fromTag === buried.fromTag && toTag === buried.tag ? "caller" : fromTag === buried.tag && toTag === buried.fromTag ? "callee" : null;
    if (side === null) return;
    this.#buried.delete(callId);
    const answer = buried.answers[side];
    const phone = buried.phones[side];
    if (answer === "alive" || phone === "" || this.#mistaken.size >= MISTAKEN_MAX) return;
    this.#mistaken.add(keptText(`${answer} ${phone}`));
    this.counts.mistaken++;
    this.#deps.log.warn({ callId, peer: phone, reason: WORDS[answer === "lost" ? "lost" : "silent"] }, "a phone lives in a call that it called dead: it is not believed again");
  }
}

const SIDES = ["caller", "callee"] as const;

const WORDS: Readonly<Record<DeathReason, string>> = {
  lost: "a phone answered 481: it knows of no such call",
  silent: "neither phone answered",
  unreachable: "neither phone could be reached for long",
  session: "its session timer ran out without a refresh",
};

function isLive(call: Call, leg: Leg): boolean {
  return call.slot !== -1 && call.legs.includes(leg);
}
