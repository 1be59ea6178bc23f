import type { Cancel, Clock } from "../base/clock.ts";
import type { Aor } from "../base/ids.ts";
import { keptText } from "../base/kept-text.ts";
import type { Log } from "../base/log.ts";
import { randomHex, type Random } from "../base/random.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { DialogState } from "../documents/dialog-info.ts";
import type { CallObserver, ObservedFork } from "../proxy/call-observer.ts";
import type { ForkControl } from "../proxy/fork-control.ts";
import type { Message } from "../sip/message.ts";
import type { Store } from "../store/store.ts";
import { Call, type CallHost } from "./call.ts";
import { CallIndex } from "./call-index.ts";
import { callSummary, type CallSummary } from "./call-summary.ts";
import { isNamed, type DialogKey } from "./dialog-key.ts";
import type { Dialog } from "./dialog.ts";
import { dialogView, type People } from "./dialog-view.ts";
import { InDialog } from "./in-dialog.ts";
import type { Party, Person } from "./party.ts";
import { LampAudit } from "./lamp-audit.ts";
import type { Leg } from "./leg.ts";
import { legPath } from "./leg-path.ts";
import { PersonTable } from "./person-table.ts";
import type { GuardedCalls } from "./sentinel.ts";
import { sessionEnd } from "./session-timer.ts";
import { StrayDialogs } from "./stray-dialogs.ts";
import { revivedCall, storedCall } from "./kept-call.ts";
import { readStoredCall, type StoredCall } from "./stored-call.ts";

// Hot path: a call costs a few small objects and two copied strings; what watchers see is made when they ask.

/** Calls that are watched at once; those beyond it are put through and not shown. */
export const callsMax = 200_000;
/** The longest Call-ID and tag that is kept, a call with a longer one is put through and not shown; and of From and To what is read. */
export const dialogKeyLengthMax = 1024;
/** How long an INVITE may go without any answer being seen: timer C (RFC 3261 §16.6 step 11) and a minute more. */
export const ringingMaxMs = 240_000;

/** The calls that pass, and each person's part in them: the only writer of dialogs. */
export interface DialogTable extends CallObserver, GuardedCalls {
  /** A person's dialogs, oldest first, those that ended a moment ago last. One that nobody's phone has reacted to yet is among them as `trying`. */
  dialogsOf(aor: Aor): readonly Dialog[];
  /** A number that is another one whenever `dialogsOf` may be: what is rendered from it is valid as long. */
  revision(aor: Aor): number;
  /** When a person's last call ended, ms since 1970; 0 when that is not known. */
  lastEndedAt(aor: Aor): number;
  /** Every call that has not ended. */
  calls(): readonly CallSummary[];
  /** Everyone of ours who has a dialog that is not terminated. */
  people(): readonly Aor[];
  /** The way to the INVITE by which a person's phone rings; null when there is none. */
  fork(aor: Aor, dialog: DialogKey): ForkControl | null;
  /** Calls `listener` at once, after each event that changed what is shown of a person. */
  onChange(listener: (aor: Aor) => void): Cancel;
  /** Takes up the calls that the store knows; those that are too old are dropped. Called once, before the first message. Returns how many. */
  restore(): number;
  /** Calls that have not ended. */
  readonly count: number;
  /** Calls that have begun since the start. */
  readonly begun: number;
}

/** What a dialog table needs. */
export interface DialogTableDeps extends People {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: Random;
  /** `ageMaxMs`: how long a confirmed call may go without a request in it being seen, until it counts as over. */
  readonly settings: { readonly ageMaxMs: number };
  /** The Contact URIs of a person's phones; without it no call that was lost is taken up again. */
  contactsOf?(aor: Aor): readonly string[];
  readonly store?: Store;
  readonly log: Log;
}

/** An empty table; `restore` fills it from the store. */
export function dialogTable(deps: DialogTableDeps): DialogTable {
  return new MemoryDialogTable(deps);
}

class MemoryDialogTable implements DialogTable, CallHost {
  readonly #deps: DialogTableDeps;
  readonly #epoch: string;
  #lastId = 0;
  readonly #forks = new Map<number, Call>();
  readonly #calls = new CallIndex();
  readonly #inDialog = new InDialog(this.#calls);
  readonly #persons: PersonTable;
  readonly #listeners = new Set<(aor: Aor) => void>();
  #touched: Aor[] = [];
  readonly #callTimer: number;
  readonly #strays: StrayDialogs;
  readonly #audit: LampAudit;
  adopted = 0;
  begun = 0;
  onStray: ((request: Message) => void) | null = null;

  constructor(deps: DialogTableDeps) {
    this.#deps = deps;
    this.#epoch = randomHex(deps.random, 4);
    this.#callTimer = deps.wheel.kind((slot) => {
      const call = this.#calls.at(slot);
      if (call !== null) this.#onTimer(call);
    });
    this.#persons = new PersonTable(deps);
    this.#audit = new LampAudit(this.#calls, this.#persons, this);
    this.#strays = new StrayDialogs(deps);
  }

  get count(): number {
    return this.#calls.count;
  }

  onInvite(fork: ObservedFork): void {
    let call = this.#forks.get(fork.id) ?? this.#calls.find(fork.callId, fork.fromTag);
    if (call === null) {
      const isTooLong = fork.callId.length > dialogKeyLengthMax || fork.fromTag.length > dialogKeyLengthMax;
      if (isTooLong || this.count >= callsMax || !this.#calls.admits(fork.callId)) {
        this.#deps.log.debug({ callId: fork.callId.slice(0, 100), count: this.count }, "a call is not watched");
        return;
      }
      call = this.#begin(fork);
      this.begun++;
    }
    call.lastSeenMs = this.now();
    if (call.invite(fork.id, fork.control, fork.caller, fork.callee)) this.#forks.set(fork.id, call);
    this.#finish(call);
  }

  onBranchResponse(fork: ObservedFork, branch: number, aor: Aor | null, response: Message): void {
    const call = this.#forks.get(fork.id);
    if (call === undefined || response.status <= 100) return;
    const tag = response.status < 300 ? response.toTag : "";
    if (tag.length > dialogKeyLengthMax) return;
    call.lastSeenMs = this.now();
    call.branchResponse(fork.id, branch, aor, response.status, tag);
    if (response.status >= 200 && response.status < 300) this.#answered(call, fork.contact, tag, response);
    this.#finish(call);
  }

  onBranchEnd(fork: ObservedFork, branch: number): void {
    const call = this.#forks.get(fork.id);
    if (call === undefined) return;
    call.branchEnd(fork.id, branch);
    this.#finish(call);
  }

  onForkEnd(fork: ObservedFork, status: number): void {
    const call = this.#forks.get(fork.id);
    if (call === undefined) return;
    call.lastSeenMs = this.now();
    call.forkEnd(fork.id, status);
    this.#finish(call);
  }

  onDialogRequest(request: Message): void {
    const call = this.#inDialog.request(request, this.now());
    if (call !== null) this.#finish(call);
    else if (request.method !== "ACK") {
      this.#strays.asked(request, this.now());
      this.onStray?.(request);
    }
  }

  onDialogResponse(method: string, callId: string, response: Message): void {
    const call = this.#inDialog.response(method, callId, response, this.now());
    if (call !== null) this.#finish(call);
    else this.#adopt(response);
  }

  onDialogSilence(request: Message): void {
    const call = this.#inDialog.silence(request);
    if (call !== null) this.#finish(call);
  }

  dialogsOf(aor: Aor): readonly Dialog[] {
    const view = (party: Party): Dialog => {
      party.wasSeen = true;
      return (party.view ??= dialogView(party, this.#deps));
    };
    return [...this.#persons.live(aor).map(view), ...this.#persons.ended(aor).map(view)];
  }

  revision(aor: Aor): number {
    return this.#persons.revision(aor);
  }

  lastEndedAt(aor: Aor): number {
    return this.#persons.lastEndedAt(aor);
  }

  calls(): readonly CallSummary[] {
    return this.#calls.all().map((call) => callSummary(call, this.#deps));
  }

  people(): readonly Aor[] {
    return this.#persons.inCalls();
  }

  fork(aor: Aor, dialog: DialogKey): ForkControl | null {
    for (const party of this.#persons.live(aor)) {
      if (!isNamed(party, dialog)) continue;
      const control = party.call?.control(party) ?? null;
      if (control !== null) return control;
    }
    return null;
  }

  onChange(listener: (aor: Aor) => void): Cancel {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  restore(): number {
    const { store } = this.#deps;
    if (store === undefined) return 0;
    let count = 0;
    for (const { key, value } of [...store.load("dialogs")]) {
      const stored = readStoredCall(value);
      if (stored !== null && stored.since + this.#deps.settings.ageMaxMs > this.now() && this.count < callsMax && this.#take(key, stored)) count++;
      else store.delete("dialogs", key);
    }
    return count;
  }

  // --- what calls ask of their table

  now(): number {
    return this.#deps.clock.now();
  }

  newId(): string {
    return `d${this.#epoch}-${++this.#lastId}`;
  }

  admitted(aor: Aor): Person | null {
    return this.#persons.admitted(aor);
  }

  began(party: Party): void {
    if (this.#persons.began(party)) this.#touch(party.aor);
  }

  changed(party: Party, before: DialogState): void {
    if (this.#persons.changed(party, before)) this.#touch(party.aor);
  }

  // --- what the sentinel asks

  get slots(): number {
    return this.#calls.slots;
  }

  get persons(): number {
    return this.#persons.count;
  }

  callAt(slot: number): Call | null {
    return this.#calls.at(slot);
  }

  endLeg(call: Call, leg: Leg): void {
    call.end(leg.tag ?? "");
    this.#finish(call);
  }

  auditCall(call: Call): number {
    const wrong = this.#audit.call(call);
    this.#finish(call);
    return wrong;
  }

  auditPerson(number: number): number {
    const wrong = this.#audit.person(number);
    this.#tell();
    return wrong;
  }

  // --- calls

  #answered(call: Call, callerContact: string, tag: string, success: Message): void {
    const leg = call.parties.length === 0 ? null : call.leg(tag);
    if (leg === null) return;
    leg.provenAtMs = this.now();
    leg.sessionUntilMs = sessionEnd(success, leg.provenAtMs);
    leg.path ??= legPath(callerContact, success);
  }

  #adopt(response: Message): void {
    const stray = this.count < callsMax ? this.#strays.answered(response, this.now(), () => this.newId()) : null;
    const key = stray === null ? "" : this.newId();
    if (stray === null || !this.#take(key, stray)) return;
    this.adopted++;
    this.#deps.store?.put("dialogs", key, stray);
    this.#deps.log.info({ callId: stray.callId, reason: "both sides of it agreed on it anew" }, "a call that was not known was taken up");
  }

  #begin(fork: ObservedFork): Call {
    // One copy for all: the parts are views on it, and it is no longer than they are together.
    const { callId, fromTag } = fork;
    const from = fork.from.slice(0, dialogKeyLengthMax);
    const to = fork.to.slice(0, dialogKeyLengthMax);
    const text = keptText(callId + fromTag + from + to);
    const tagAt = callId.length;
    const fromAt = tagAt + fromTag.length;
    const toAt = fromAt + from.length;
    const call = new Call(this, {
      key: this.newId(),
      callId: text.slice(0, tagAt),
      fromTag: text.slice(tagAt, fromAt),
      from: text.slice(fromAt, toAt),
      to: text.slice(toAt),
      since: this.now(),
      callee: fork.callee,
    });
    this.#add(call, ringingMaxMs);
    return call;
  }

  #add(call: Call, delayMs: number): void {
    this.#calls.add(call);
    call.timer = this.#deps.wheel.start(this.#callTimer, delayMs, call.slot);
  }

  /** After an event: keeps the journal, forgets the call when it is over, tells the listeners. */
  #finish(call: Call): void {
    if (call.isOver) this.#forget(call);
    else if (call.isDirty) this.#keep(call);
    if (this.#touched.length > 0) this.#tell();
  }

  #keep(call: Call): void {
    call.isDirty = false;
    const { ageMaxMs } = this.#deps.settings;
    if (ageMaxMs < ringingMaxMs && call.legs.length > 0) this.#restart(call, ageMaxMs);
    const { store } = this.#deps;
    if (store === undefined || (call.parties.length === 0 && !call.isStored)) return;
    call.isStored = true;
    store.put("dialogs", call.start.key, storedCall(call));
  }

  #forget(call: Call): void {
    if (call.slot === -1) return;
    const { store, wheel } = this.#deps;
    wheel.stop(call.timer);
    this.#calls.remove(call);
    for (const { id } of call.forks) this.#forks.delete(id);
    if (call.isStored) store?.delete("dialogs", call.start.key);
  }

  #onTimer(call: Call): void {
    const { log, settings } = this.#deps;
    call.timer = 0;
    const silentMs = this.now() - call.lastSeenMs;
    const isTalking = call.legs.length > 0;
    const limitMs = isTalking && !call.isRinging ? settings.ageMaxMs : ringingMaxMs;
    if (silentMs < limitMs) return this.#restart(call, limitMs - silentMs);
    if (isTalking && call.isRinging) call.stopRinging();
    else {
      log.info({ callId: call.start.callId, reason: isTalking ? "no request in it was seen for dialogs.age_max" : "it rang without an answer for too long" }, "a forgotten call was ended");
      call.endAll();
    }
    this.#finish(call);
    if (call.slot !== -1) this.#restart(call, settings.ageMaxMs);
  }

  #restart(call: Call, delayMs: number): void {
    this.#deps.wheel.stop(call.timer);
    call.timer = this.#deps.wheel.start(this.#callTimer, delayMs, call.slot);
  }

  #take(key: string, stored: StoredCall): boolean {
    if (stored.legs.length === 0 || this.#calls.find(stored.callId, stored.fromTag) !== null) return false;
    const call = revivedCall(this, key, stored);
    this.#add(call, stored.since + this.#deps.settings.ageMaxMs - this.now());
    call.restored();
    this.#finish(call);
    return true;
  }

  #touch(aor: Aor): void {
    if (!this.#touched.includes(aor)) this.#touched.push(aor);
  }

  #tell(): void {
    const touched = this.#touched;
    this.#touched = [];
    for (const aor of touched) {
      for (const listener of this.#listeners) {
        try {
          listener(aor);
        } catch (err) {
          this.#deps.log.error({ err, aor }, "a listener of the dialog table failed");
        }
      }
    }
  }
}
