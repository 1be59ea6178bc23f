import { noEdits, type Edits } from "../sip/edits.ts";
import { Header, headerLine } from "../sip/header-name.ts";
import { Message } from "../sip/message.ts";
import { responseText, type Answer } from "../sip/response.ts";
import type { TransactionId, TransactionUser } from "../sip/transaction/user.ts";
import { bestResponse, type Failure } from "./best-response.ts";
import { Branch, mergeEdits, type BranchOwner } from "./branch.ts";
import type { ObservedFork } from "./call-observer.ts";
import { challengesOf } from "./challenges.ts";
import { HeldControl, type FinalResponse, type ForkControl } from "./fork-control.ts";
import type { ForkDeps, ForkRequest } from "./fork-request.ts";
import { forwardedResponse } from "./forward.ts";
import type { NextHop } from "./next-hop.ts";
import { contactUri } from "./record-route.ts";
import type { Target } from "./target.ts";

/** What the owner of a fork decides. */
export interface ForkHooks {
  edits(target: Target): Edits;
  replyEdits(response: Message): Edits;
  /** True when `replyEdits` may change something: then it is asked about each repetition of a 2xx as well, and the fork lives as long. */
  readonly changesReplies: boolean;
  /** Everything failed, and was not cancelled. True when the owner took over: it will `addTargets` or `answer`. */
  failed(status: number, hasRung: boolean): boolean;
  /** A 3xx came: the targets to try in its place; none to let it count as a failure. */
  redirected(response: Message): readonly Target[];
  /** The request was answered by us: `text` is the whole response. */
  answered?(text: string): void;
  /** The request has its final answer. */
  ended(status: number): void;
}

/** Most branches of one request, and the Max-Breadth of one that says nothing of it (RFC 5393 §5.3.3). */
const BRANCHES_MAX = 64;
let lastForkId = 0;

/** One request on all its branches (RFC 3261 §16.5-16.10): serial by q, parallel among equals, best response, CANCEL of losers. */
export class Fork implements TransactionUser, ForkControl, BranchOwner {
  readonly deps: ForkDeps;
  readonly request: ForkRequest;
  readonly #hooks: ForkHooks;
  readonly #branches: Branch[] = [];
  #failures: Failure[] = [];
  #queue: Target[] = [];
  /** The first branch since the owner last gave new targets. */
  #roundStart = 0;
  #isStarting = false;
  /** True while all has failed and the owner thinks about what is next. */
  #isWithOwner = false;
  #isDone = false;
  #isCancelled = false;
  /** True after a 6xx: no new branches (RFC 3261 §16.7 step 5). */
  #isRefused = false;
  #observed: ObservedFork | null = null;
  #control: HeldControl | null = null;

  constructor(deps: ForkDeps, request: ForkRequest, hooks: ForkHooks) {
    this.deps = deps;
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

  /** Begins on targets, those with the highest q first; after a failure they take the place of those that failed. `message` is a view on the request, if one is at hand. */
  addTargets(targets: readonly Target[], message: Message | null): void {
    if (this.#isDone || this.#isCancelled) return;
    const view = message ?? this.message();
    if (view === null) return;
    if (this.#isWithOwner) {
      this.#isWithOwner = this.#isRefused = false;
      this.#failures = [];
      this.#roundStart = this.#branches.length;
    }
    if (this.request.method === "INVITE" && this.request.isDialogForming && this.#observed === null) this.#observe(view);
    const [only] = targets;
    if (only !== undefined && targets.length === 1 && this.#queue.length === 0) {
      this.#isStarting = true;
      this.#start(only, 0, this.deps.hops.ofTarget(only), view);
      this.#isStarting = false;
    } else {
      this.#enqueue(targets);
      this.#startGroup(view);
    }
    this.#advance();
  }

  addBranch(target: Target): boolean {
    if (this.#isDone || this.#isCancelled || this.#isRefused || this.#branches.length >= BRANCHES_MAX) return false;
    const message = this.message();
    if (message === null) return false;
    this.#start(target, 0, this.deps.hops.ofTarget(target), message);
    this.#advance();
    return true;
  }

  /** Begins one branch whose next hop is known already: a request within a dialog. */
  startAt(target: Target, hop: NextHop | Promise<NextHop>, message: Message): void {
    this.#start(target, 0, hop, message);
    this.#advance();
  }

  cancelOthers(keep: number | null, reason: string): void {
    this.#queue = [];
    this.#cancelAll(keep, reason === "" ? "" : `Reason: ${reason}\r\n`);
    this.#advance();
  }

  answerCaller(response: FinalResponse): "won" | "late" {
    if (this.#isDone) return "late";
    this.deps.layer.respond(this.request.transaction, response.status, response.text);
    this.#end(response.status);
    this.#cancelAll(null, COMPLETED_ELSEWHERE);
    return "won";
  }

  /** Answers the caller with a status of our own; what still rings is cancelled. */
  answer(status: number, reason?: string, headers?: string): void {
    if (this.#isDone) return;
    const { transaction, source, toTag } = this.request;
    const message = this.deps.layer.request(transaction);
    if (message !== null) {
      const answer: Answer = { status, ...(reason === undefined ? {} : { reason }), ...(headers === undefined ? {} : { headers }) };
      const text = responseText(message, answer, toTag(), source.remoteAddress, source.remotePort);
      this.deps.layer.respond(transaction, status, text);
      this.#hooks.answered?.(text);
    }
    this.#end(status);
    this.#cancelAll(null, "");
  }

  invite(): Message | null {
    return this.deps.layer.request(this.request.transaction);
  }

  // --- the server transaction

  onResponse(): void {
    /* branches get the responses */
  }

  onTimeout(): void {
    /* the caller's ACK never came (timer H): his affair */
  }

  onUnreachable(): void {
    /* only client transactions are told */
  }

  onCancel(_transaction: TransactionId, cancel: Message): void {
    if (this.#isDone) return;
    this.#isCancelled = true;
    this.#queue = [];
    let reasons = "";
    for (const value of cancel.values(Header.reason)) reasons += headerLine(Header.reason, value);
    this.#cancelAll(null, reasons);
    this.#advance();
  }

  // --- the branches

  message(): Message | null {
    return this.#isDone ? null : (this.request.rewritten ?? this.deps.layer.request(this.request.transaction));
  }

  edits(target: Target): Edits {
    return this.#hooks.edits(target);
  }

  provisional(branch: Branch, response: Message): void {
    // Another request than INVITE gets no provisional answer but 100 (RFC 4320 §4.1).
    if (this.#isDone || this.request.method !== "INVITE") return;
    if (this.#observed !== null) this.deps.observer.onBranchResponse(this.#observed, branch.number, branch.target.aor, response);
    this.deps.layer.respond(this.request.transaction, response.status, forwardedResponse(response, this.#hooks.replyEdits(response)));
  }

  success(branch: Branch, response: Message): void {
    const { layer, observer, late } = this.deps;
    const isFirst = !this.#isDone;
    const isInvite = this.request.method === "INVITE";
    if (this.#observed !== null) observer.onBranchResponse(this.#observed, branch.number, branch.target.aor, response);
    // Every 2xx of an INVITE goes on, also a second branch's (RFC 3261 §16.7 step 5).
    if (isFirst || isInvite) layer.respond(this.request.transaction, response.status, forwardedResponse(response, this.#hooks.replyEdits(response)));
    if (isInvite) {
      layer.table.tie(branch.transaction, this.request.transaction);
      if (!this.#hooks.changesReplies) layer.table.setUser(branch.transaction, late);
    } else layer.table.setUser(branch.transaction, null);
    if (!isFirst) return;
    if (isInvite) this.#cancelAll(branch.number, COMPLETED_ELSEWHERE);
    this.#end(response.status);
  }

  failure(branch: Branch, response: Message): void {
    const { status } = response;
    if (this.#observed !== null) this.deps.observer.onBranchResponse(this.#observed, branch.number, branch.target.aor, response);
    if (this.#isDone) return;
    const redirects = status < 400 && !this.#isCancelled ? this.#untried(this.#hooks.redirected(response)) : [];
    if (redirects.length > 0) this.#enqueue(redirects);
    else if (branch.hasExpired && status === 487) this.#failures.push({ status: 408, text: "" });
    else this.#failures.push({ status, text: response.text });
    if (status >= 600 && this.request.method === "INVITE") {
      this.#isRefused = true;
      this.#queue = [];
      this.#cancelAll(branch.number, `Reason: SIP;cause=${status};text="Declined elsewhere"\r\n`);
    }
    this.#advance();
  }

  ended(branch: Branch, status: number): void {
    if (this.#observed !== null) this.deps.observer.onBranchEnd(this.#observed, branch.number);
    this.#failures.push({ status, text: "" });
    this.#advance();
  }

  // --- what is next

  #enqueue(targets: readonly Target[]): void {
    this.#queue.push(...targets.slice(0, Math.max(0, BRANCHES_MAX - this.#branches.length - this.#queue.length)));
    this.#queue.sort((a, b) => b.q - a.q);
  }

  /** No target is tried twice (RFC 3261 §16.5). */
  #untried(targets: readonly Target[]): readonly Target[] {
    return targets.filter((target) => !this.#branches.some((branch) => branch.target.uri === target.uri && branch.target.flow === target.flow));
  }

  /** Begins on the queued targets of the highest q, as many as the request may be multiplied by (RFC 5393 §5.3). */
  #startGroup(message: Message): void {
    const q = this.#queue[0]?.q;
    let size = 0;
    while (size < this.#queue.length && this.#queue[size]?.q === q) size++;
    let share = 0;
    if (size > 1) {
      const said = Math.floor(Number(message.headerNamed("max-breadth") ?? BRANCHES_MAX));
      const breadth = said >= 1 ? Math.min(said, BRANCHES_MAX) : 1;
      size = Math.min(size, breadth);
      share = Math.floor(breadth / size);
    }
    this.#isStarting = true;
    for (const target of this.#queue.splice(0, size)) this.#start(target, share, this.deps.hops.ofTarget(target), message);
    this.#isStarting = false;
  }

  #start(target: Target, breadth: number, hop: NextHop | Promise<NextHop>, message: Message): void {
    const branch = new Branch(this, this.#branches.length, target, breadth);
    this.#branches.push(branch);
    branch.begin(hop, message);
  }

  #cancelAll(keep: number | null, headers: string): void {
    const wasStarting = this.#isStarting;
    this.#isStarting = true;
    for (const branch of this.#branches) if (branch.number !== keep) branch.cancel(headers);
    this.#isStarting = wasStarting;
  }

  /** Goes on when nothing is pending: the next group, or the final answer. */
  #advance(): void {
    while (!this.#isDone && !this.#isStarting && !this.#isWaiting()) {
      const message = this.#queue.length > 0 && !this.#isRefused && !this.#isCancelled ? this.message() : null;
      if (message === null) {
        this.#finish();
        return;
      }
      this.#startGroup(message);
    }
  }

  #isWaiting(): boolean {
    for (const branch of this.#branches) if (branch.isPending) return true;
    return false;
  }

  #finish(): void {
    const best = bestResponse(this.#failures);
    if (this.#isCancelled) {
      // His own CANCEL is what the caller waits to hear of, unless a phone had something else to say.
      this.#answerWith(best === null || best.text === "" ? OURS_CANCELLED : best);
      return;
    }
    if (this.#isWithOwner) return;
    this.#isWithOwner = true;
    const chosen = best ?? NOBODY;
    const hasRung = this.#branches.some((branch) => branch.number >= this.#roundStart && branch.hasRung);
    if (!this.#hooks.failed(chosen.status, hasRung)) this.#answerWith(chosen);
  }

  /** Sends the best failure: a branch's own response where there is one, else one of ours. */
  #answerWith(best: Failure): void {
    const { layer } = this.deps;
    const { transaction, method } = this.request;
    const { status } = best;
    if (status === 408 && method !== "INVITE") {
      // A time-out of another method is told to nobody: its sender has timed out as well (RFC 4320 §4.2).
      layer.table.abandon(transaction);
      this.#end(status);
    } else if (status === 503 || status === 430 || best.text === "") this.answer(STANDS_FOR[status] ?? status);
    else {
      const response = Message.of(best.text);
      const edits = status === 401 || status === 407 ? challengesOf(response, this.#failures) : noEdits;
      layer.respond(transaction, status, forwardedResponse(response, mergeEdits(edits, this.#hooks.replyEdits(response))));
      this.#end(status);
    }
  }

  #end(status: number): void {
    this.#isDone = true;
    if (this.#queue.length > 0) this.#queue = [];
    this.#control?.release();
    // The transaction lingers; what it was about need not.
    this.deps.layer.table.setUser(this.request.transaction, null);
    if (this.#observed !== null) this.deps.observer.onForkEnd(this.#observed, status);
    this.#hooks.ended(status);
  }

  #observe(message: Message): void {
    const from = message.header(Header.from) ?? "";
    this.#control = new HeldControl(this);
    this.#observed = {
      id: ++lastForkId,
      callId: message.callId,
      fromTag: message.fromTag,
      from,
      to: message.header(Header.to) ?? "",
      contact: contactUri(message),
      caller: this.request.caller,
      callee: this.request.callee,
      control: this.#control,
    };
    this.deps.observer.onInvite(this.#observed);
  }
}

/** RFC 3326: why a phone that rang stops ringing, so that it shows no missed call. */
const COMPLETED_ELSEWHERE = 'Reason: SIP;cause=200;text="Call completed elsewhere"\r\n';
const OURS_CANCELLED: Failure = { status: 487, text: "" };
const NOBODY: Failure = { status: 480, text: "" };
/** What a caller is told in the place of a status that is not meant for him: the 503 of one next hop says nothing about us (RFC 3261 §16.7 step 6),
 *  a phone's lost connection is nobody's but the phone's (430, RFC 5626 §11.5). */
const STANDS_FOR: Readonly<Record<number, number>> = { 503: 500, 430: 480 };
