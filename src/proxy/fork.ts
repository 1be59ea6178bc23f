import type { Aor } from "../base/ids.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import { noEdits, type Edits } from "../sip/edits.ts";
import { Header } from "../sip/header-name.ts";
import { elementEnd, headerLine, Message } from "../sip/message.ts";
import { tagOf } from "../sip/name-addr.ts";
import type { TransactionLayer } from "../sip/transaction/layer.ts";
import type { TransactionId, TransactionUser } from "../sip/transaction/table.ts";
import type { Flow, Transports } from "../sip/transport/transport.ts";
import type { TargetHealth } from "../sip/resolver/target-health.ts";
import { bestResponse, type Failure } from "./best-response.ts";
import { isPending, type ForkBranch } from "./branch.ts";
import type { CallObserver, ObservedFork } from "./call-observer.ts";
import type { FinalResponse, ForkControl } from "./fork-control.ts";
import { forwardedRequest, forwardedResponse } from "./forward.ts";
import type { NextHop, NextHops } from "./next-hop.ts";
import { challengesOf } from "./challenges.ts";
import { contactUri, type RecordRoutes } from "./record-route.ts";
import type { Target } from "./target.ts";

/** What every fork of a server shares. */
export interface ForkDeps {
  readonly layer: TransactionLayer;
  readonly transports: Transports;
  readonly wheel: TimerWheel;
  readonly hops: NextHops;
  readonly health: TargetHealth;
  readonly recordRoutes: RecordRoutes;
  readonly observer: CallObserver;
  /** Timer C, RFC 3261 §16.6 step 11: more than three minutes. */
  readonly timerCMs: number;
  /** The wheel's kind whose payload is a client transaction of a fork. */
  readonly timerKind: number;
  /** Forwards the further 2xx of a call whose fork is over (RFC 6026 §7.2). */
  readonly late: TransactionUser;
}

/** The request that is forked. */
export interface ForkRequest {
  /** Its server transaction. */
  readonly transaction: TransactionId;
  readonly method: string;
  readonly source: Flow;
  /** How many of its topmost Route values were ours. */
  readonly routesOff: number;
  /** The hash of RFC 3261 §16.6 step 8. */
  readonly loop: string;
  /** True when it creates a dialog through us: Record-Route is added. */
  readonly isDialogForming: boolean;
  readonly caller: Aor | null;
  readonly callerDevice: string;
  readonly callee: Aor | null;
  /** Set when the request that is forwarded is not the text that came in (a strict router's rewriting). */
  readonly rewritten: Message | null;
  readonly toTag: string;
}

/** What the owner of a fork decides. */
export interface ForkHooks {
  edits(target: Target): Edits;
  replyEdits(response: Message): Edits;
  /** Everything failed, and was not cancelled. True when the owner took over: it will `addTargets` or `answer`. */
  failed(status: number, hasRung: boolean): boolean;
  /** A 3xx came: the targets to try in its place; none to let it count as a failure. */
  redirected(response: Message): readonly Target[];
  /** The request has its final answer. */
  ended(status: number): void;
}

const BRANCHES_MAX = 64;
let lastForkId = 0;

/** One request on all its branches (RFC 3261 §16.5-16.10): serial by q, parallel among equals, best response, CANCEL of losers. */
export class Fork implements TransactionUser, ForkControl {
  readonly request: ForkRequest;
  readonly #deps: ForkDeps;
  readonly #hooks: ForkHooks;
  readonly #branches: ForkBranch[] = [];
  readonly #failures: Failure[] = [];
  #queue: Target[] = [];
  #isDone = false;
  #isCancelled = false;
  /** True after a 6xx: no new branches (RFC 3261 §16.7 step 5). */
  #isRefused = false;
  #observed: ObservedFork | null = null;

  constructor(deps: ForkDeps, request: ForkRequest, hooks: ForkHooks) {
    this.#deps = deps;
    this.request = request;
    this.#hooks = hooks;
    deps.layer.table.setUser(request.transaction, this);
  }

  /** True once the caller has a final answer. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** True when the caller has cancelled. */
  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /** Begins on targets, those with the highest q first; later calls add more. `message` is a view on the request, if one is at hand. */
  addTargets(targets: readonly Target[], message: Message | null): void {
    if (this.#isDone || this.#isCancelled) return;
    const view = message ?? this.#message();
    if (view === null) return;
    if (this.request.method === "INVITE" && this.request.isDialogForming && this.#observed === null) this.#observe(view);
    this.#queue.push(...targets.slice(0, BRANCHES_MAX - this.#branches.length - this.#queue.length));
    this.#queue.sort((a, b) => b.q - a.q);
    this.#startGroup(view);
    this.#advance();
  }

  addBranch(target: Target): boolean {
    if (this.#isDone || this.#isCancelled || this.#branches.length >= BRANCHES_MAX) return false;
    const message = this.#message();
    if (message === null) return false;
    this.#startBranch(target, message);
    return true;
  }

  /** Begins one branch whose next hop is known already: a request within a dialog. */
  startAt(target: Target, hop: NextHop | Promise<NextHop>, message: Message): void {
    this.#locate(this.#newBranch(target), hop, message);
    this.#advance();
  }

  cancelOthers(keep: number | null, reason: string): void {
    this.#queue = [];
    for (const branch of this.#branches) if (branch.number !== keep && isPending(branch)) this.#cancelBranch(branch, reason === "" ? "" : `Reason: ${reason}\r\n`);
  }

  answerCaller(response: FinalResponse): "won" | "late" {
    if (this.#isDone) return "late";
    this.#deps.layer.respond(this.request.transaction, response.status, response.text);
    this.#end(response.status);
    this.cancelOthers(null, COMPLETED_ELSEWHERE);
    return "won";
  }

  /** Answers the caller with a status of our own. */
  answer(status: number, reason?: string, headers?: string): void {
    if (this.#isDone) return;
    const message = this.#message();
    if (message !== null) {
      const extra = { ...(reason === undefined ? {} : { reason }), ...(headers === undefined ? {} : { headers }) };
      this.#deps.layer.reply(this.request.transaction, message, { status, ...extra }, this.request.toTag);
    }
    this.#end(status);
  }

  invite(): Message | null {
    return this.#deps.layer.request(this.request.transaction);
  }

  onResponse(transaction: TransactionId, response: Message): void {
    const branch = this.#branches.find((one) => one.transaction === transaction);
    if (branch === undefined) return;
    const { status } = response;
    if (!hasNextVia(response)) {
      // It has nowhere to go on to: only we are named (RFC 3261 §16.7 step 3). A branch that ends so has failed.
      if (status >= 200) {
        this.#fail(branch, 502, "a response without a way back");
        this.#advance();
      }
      return;
    }
    if (status < 200) this.#onProvisional(branch, response);
    else if (status < 300) this.#onSuccess(branch, response);
    else this.#onFailure(branch, response);
  }

  onTimeout(transaction: TransactionId): void {
    const branch = this.#branches.find((one) => one.transaction === transaction);
    // Otherwise it is the caller's ACK that never came (timer H): his affair.
    if (branch === undefined || !isPending(branch)) return;
    if (branch.flow !== null) this.#deps.health.failed(branch.flow);
    this.#tryNextOrFail(branch, 408);
  }

  onUnreachable(transaction: TransactionId): void {
    const branch = this.#branches.find((one) => one.transaction === transaction);
    if (branch === undefined || !isPending(branch)) return;
    if (branch.flow !== null) this.#deps.health.failed(branch.flow);
    this.#tryNextOrFail(branch, 503);
  }

  onCancel(_transaction: TransactionId, cancel: Message): void {
    if (this.#isDone) return;
    this.#isCancelled = true;
    this.#queue = [];
    let reasons = "";
    for (const value of cancel.values(Header.reason)) reasons += headerLine(Header.reason, value);
    for (const branch of this.#branches) if (isPending(branch)) this.#cancelBranch(branch, reasons);
    this.#advance();
  }

  /** Timer C or a target's ringing time is over (RFC 3261 §16.8). */
  onRingingTooLong(transaction: TransactionId): void {
    const branch = this.#branches.find((one) => one.transaction === transaction);
    if (branch === undefined || !isPending(branch)) return;
    branch.timer = 0;
    branch.hasExpired = true;
    this.#cancelBranch(branch, `Reason: SIP;cause=408;text="No answer"\r\n`);
    this.#advance();
  }

  #message(): Message | null {
    return this.request.rewritten ?? this.#deps.layer.request(this.request.transaction);
  }

  #startGroup(message: Message): void {
    const q = this.#queue[0]?.q;
    while (q !== undefined && this.#queue[0]?.q === q) {
      const target = this.#queue.shift();
      if (target !== undefined) this.#startBranch(target, message);
    }
  }

  #newBranch(target: Target): ForkBranch {
    const branch: ForkBranch = {
      number: this.#branches.length,
      target,
      transaction: 0,
      state: "locating",
      hops: [],
      flow: null,
      isCancelled: false,
      cancelHeaders: "",
      hasRung: false,
      hasExpired: false,
      timer: 0,
    };
    this.#branches.push(branch);
    return branch;
  }

  #startBranch(target: Target, message: Message): void {
    this.#locate(this.#newBranch(target), this.#deps.hops.ofTarget(target), message);
  }

  #locate(branch: ForkBranch, hop: NextHop | Promise<NextHop>, message: Message): void {
    if (!(hop instanceof Promise)) {
      this.#go(branch, hop, message);
      return;
    }
    const proceed = (found: NextHop): void => {
      if (branch.state !== "locating") return;
      const later = this.#message();
      if (later === null) branch.state = "failed";
      else this.#go(branch, found, later);
      this.#advance();
    };
    hop.then(proceed, () => {
      proceed({ kind: "none", status: 503, why: "the name could not be looked up" });
    });
  }

  #go(branch: ForkBranch, hop: NextHop, message: Message): void {
    switch (hop.kind) {
      case "none":
        this.#fail(branch, hop.status, hop.why);
        return;
      case "flow":
        if (!this.#send(branch, hop.flow, message)) this.#fail(branch, 430, "the connection does not take it");
        return;
      case "hops":
        branch.hops = this.#deps.health.ordered(hop.hops);
        this.#tryNext(branch, message);
    }
  }

  #tryNext(branch: ForkBranch, message: Message): void {
    while (branch.hops.length > 0) {
      const [hop, ...rest] = branch.hops;
      branch.hops = rest;
      const flow = hop === undefined ? null : this.#deps.transports.open(hop);
      if (flow !== null && this.#send(branch, flow, message)) return;
    }
    this.#fail(branch, 503, "no address could be reached");
  }

  #tryNextOrFail(branch: ForkBranch, status: number): void {
    this.#stopTimer(branch);
    const message = branch.hops.length > 0 && !branch.isCancelled ? this.#message() : null;
    if (message === null) this.#fail(branch, status);
    else this.#tryNext(branch, message);
    this.#advance();
  }

  #send(branch: ForkBranch, flow: Flow, message: Message): boolean {
    const { layer, recordRoutes, wheel, timerKind, timerCMs } = this.#deps;
    const { request } = this;
    const transaction = layer.open(request.method, this);
    if (transaction === 0) return false;
    const { target } = branch;
    const text = forwardedRequest(message, request.source, flow, {
      uri: target.uri,
      routesOff: request.routesOff,
      routes: target.routes,
      recordRoute: request.isDialogForming ? recordRoutes.lines(message, request.source, { aor: request.caller, device: request.callerDevice }, flow, target) : "",
      branch: layer.table.branch(transaction, layer.serverId, request.loop),
      edits: mergeEdits(target.edits, this.#hooks.edits(target)),
    });
    branch.transaction = transaction;
    branch.flow = flow;
    branch.state = "calling";
    if (!layer.send(transaction, text, flow)) {
      branch.transaction = 0;
      branch.state = "locating";
      return false;
    }
    if (request.method === "INVITE") branch.timer = wheel.start(timerKind, target.ringMs ?? timerCMs, transaction);
    return true;
  }

  #onProvisional(branch: ForkBranch, response: Message): void {
    const { layer, wheel, observer, timerKind, timerCMs } = this.#deps;
    if (branch.isCancelled) {
      if (branch.transaction !== 0) layer.cancel(branch.transaction, branch.cancelHeaders);
      return;
    }
    if (branch.state === "calling") branch.state = "ringing";
    if (response.status === 100 || this.#isDone) return;
    branch.hasRung = true;
    // Each provisional answer but 100 starts timer C anew (RFC 3261 §16.7 step 2); a target's own time runs on.
    if (branch.timer !== 0 && branch.target.ringMs === undefined) {
      wheel.stop(branch.timer);
      branch.timer = wheel.start(timerKind, timerCMs, branch.transaction);
    }
    if (this.#observed !== null) observer.onBranchResponse(this.#observed, branch.number, branch.target.aor, response);
    layer.respond(this.request.transaction, response.status, forwardedResponse(response, this.#hooks.replyEdits(response)));
  }

  #onSuccess(branch: ForkBranch, response: Message): void {
    const { layer, observer } = this.#deps;
    const isFirst = !this.#isDone;
    branch.state = "answered";
    this.#stopTimer(branch);
    if (this.#observed !== null) observer.onBranchResponse(this.#observed, branch.number, branch.target.aor, response);
    // Every 2xx of an INVITE goes on, also a second branch's (RFC 3261 §16.7 step 5).
    if (isFirst || this.request.method === "INVITE") layer.respond(this.request.transaction, response.status, forwardedResponse(response, this.#hooks.replyEdits(response)));
    if (this.request.method === "INVITE") {
      layer.table.tie(branch.transaction, this.request.transaction);
      layer.table.setUser(branch.transaction, this.#deps.late);
    }
    if (!isFirst) return;
    if (this.request.method === "INVITE") this.cancelOthers(branch.number, COMPLETED_ELSEWHERE);
    this.#end(response.status);
  }

  #onFailure(branch: ForkBranch, response: Message): void {
    this.#stopTimer(branch);
    if (response.status === 503) {
      if (branch.flow !== null) this.#deps.health.failed(branch.flow, Number(response.header(Header.retryAfter)?.split(/[; (]/)[0] ?? NaN) * 1000);
      // RFC 3263 §4.3: the next address of the same host.
      if (branch.hops.length > 0 && !branch.isCancelled) {
        this.#tryNextOrFail(branch, 503);
        return;
      }
    }
    branch.state = "failed";
    if (this.#observed !== null) this.#deps.observer.onBranchResponse(this.#observed, branch.number, branch.target.aor, response);
    if (!this.#isDone) {
      const redirects = response.status < 400 && !this.#isCancelled ? this.#hooks.redirected(response) : [];
      if (redirects.length > 0) this.#queue.push(...redirects.slice(0, Math.max(0, BRANCHES_MAX - this.#branches.length - this.#queue.length)));
      else this.#failures.push({ status: branch.hasExpired && response.status === 487 ? 408 : response.status, text: response.text });
      if (response.status >= 600 && this.request.method === "INVITE") {
        this.#isRefused = true;
        this.cancelOthers(branch.number, `SIP;cause=${response.status};text="Declined elsewhere"`);
      }
    }
    this.#advance();
  }

  /** A branch ended without a final response of its own. */
  #fail(branch: ForkBranch, status: number, why?: string): void {
    this.#stopTimer(branch);
    if (this.#observed !== null && branch.state !== "failed") this.#deps.observer.onBranchEnd(this.#observed, branch.number);
    branch.state = "failed";
    branch.transaction = 0;
    this.#failures.push({ status, text: why ?? "" });
  }

  #cancelBranch(branch: ForkBranch, headers: string): void {
    if (this.request.method !== "INVITE") return;
    branch.isCancelled = true;
    branch.cancelHeaders = headers;
    branch.hops = [];
    if (branch.state === "locating") this.#fail(branch, 487);
    else if (branch.state === "ringing" && branch.transaction !== 0) this.#deps.layer.cancel(branch.transaction, headers);
    // A branch that has not answered at all is cancelled when its first provisional answer comes (RFC 3261 §9.1).
  }

  /** Goes on when nothing is pending: the next group, or the final answer. */
  #advance(): void {
    if (this.#isDone || this.#branches.some(isPending)) return;
    if (this.#queue.length > 0 && !this.#isRefused && !this.#isCancelled) {
      const message = this.#message();
      if (message !== null) {
        this.#startGroup(message);
        this.#advance();
      }
      return;
    }
    const best = bestResponse(this.#failures);
    const status = this.#isCancelled && (best === null || best.status === 408) ? 487 : (best?.status ?? 480);
    if (!this.#isCancelled && this.#hooks.failed(status, this.#branches.some((branch) => branch.hasRung))) return;
    this.#answerWith(best, status);
  }

  /** Sends the best failure: a branch's own response where there is one, else one of ours. */
  #answerWith(best: Failure | null, status: number): void {
    const { layer } = this.#deps;
    const { transaction, method } = this.request;
    if (best === null || !best.text.startsWith("SIP/") || best.status !== status) {
      // A time-out of another method is told to nobody: its sender has timed out as well (RFC 4320 §4.2).
      if (status === 408 && method !== "INVITE") {
        layer.table.abandon(transaction);
        this.#end(status);
      } else this.answer(status === 503 ? 500 : status);
      return;
    }
    // A 503 of one next hop says nothing about us (RFC 3261 §16.7 step 6).
    if (status === 503) {
      this.answer(500);
      return;
    }
    const response = Message.of(best.text);
    const edits = status === 401 || status === 407 ? challengesOf(response, this.#failures) : noEdits;
    layer.respond(transaction, status, forwardedResponse(response, mergeEdits(edits, this.#hooks.replyEdits(response))));
    this.#end(status);
  }

  #end(status: number): void {
    this.#isDone = true;
    this.#queue = [];
    if (this.#observed !== null) this.#deps.observer.onForkEnd(this.#observed, status);
    this.#hooks.ended(status);
  }

  #stopTimer(branch: ForkBranch): void {
    this.#deps.wheel.stop(branch.timer);
    branch.timer = 0;
  }

  #observe(message: Message): void {
    const from = message.header(Header.from) ?? "";
    this.#observed = {
      id: ++lastForkId,
      callId: message.callId,
      fromTag: tagOf(from),
      from,
      to: message.header(Header.to) ?? "",
      contact: contactUri(message),
      caller: this.request.caller,
      callee: this.request.callee,
      control: this,
    };
    this.#deps.observer.onInvite(this.#observed);
  }
}

/** True when a response has a Via below ours: the way back to who asked. */
function hasNextVia(response: Message): boolean {
  const line = response.lineOf(Header.via);
  return response.lineOf(Header.via, line) !== -1 || elementEnd(response.text, response.valueStart(line), response.valueEnd(line)) < response.valueEnd(line);
}

/** RFC 3326: why a phone that rang stops ringing, so that it shows no missed call. */
const COMPLETED_ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"';

function mergeEdits(a: Edits, b: Edits): Edits {
  return a.length === 0 ? b : b.length === 0 ? a : [...a, ...b];
}
