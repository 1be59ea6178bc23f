import type { TimerId } from "../base/timer-wheel.ts";
import { noEdits, type Edits } from "../sip/edits.ts";
import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import type { TransactionId, TransactionUser } from "../sip/transaction/user.ts";
import type { Flow, Hop } from "../sip/transport/transport.ts";
import type { ForkDeps, ForkRequest } from "./fork-request.ts";
import { forwardedRequest } from "./forward.ts";
import type { NextHop } from "./next-hop.ts";
import type { Target } from "./target.ts";

/** What a branch asks and tells the fork that it belongs to. Views on messages are valid during the call only. */
export interface BranchOwner {
  readonly deps: ForkDeps;
  readonly request: ForkRequest;
  /** The request as it is forwarded, while it has no final answer; null after. */
  message(): Message | null;
  edits(target: Target): Edits;
  /** A provisional response above 100. */
  provisional(branch: Branch, response: Message): void;
  /** A 2xx; for INVITE each of them. */
  success(branch: Branch, response: Message): void;
  failure(branch: Branch, response: Message): void;
  /** It ended without a final response of its own; `status` stands for it. */
  ended(branch: Branch, status: number): void;
}

/** One outgoing request of a fork (RFC 3261 §16.6 to §16.9): located, sent, tried at the next address when one fails (RFC 3263 §4.3), cancelled. */
export class Branch implements TransactionUser {
  /** From 0, in the order in which branches were begun. */
  readonly number: number;
  /** What Max-Breadth is to say (RFC 5393 §5); 0: as it came. */
  readonly breadth: number;
  readonly target: Target;
  hasRung = false;
  /** True when we ended it for ringing too long: its 487 then means "no answer". */
  hasExpired = false;
  /** 0 until sent, and again once over. */
  transaction: TransactionId = 0;
  readonly #owner: BranchOwner;
  #state: "locating" | "calling" | "ringing" | "answered" | "failed" = "locating";
  /** Addresses that have not been tried yet. */
  #hops: readonly Hop[] = [];
  #flow: Flow | null = null;
  /** True when it goes by the connection or UDP way of a registration. */
  #isByFlow = false;
  #isSecondWay = false;
  /** Once it shall be cancelled: done as soon as a provisional answer allows it (RFC 3261 §9.1). */
  #isCancelled = false;
  #cancelHeaders = "";
  /** Timer C, or the target's own ringing time; 0 when none runs. */
  #timer: TimerId = 0;

  constructor(owner: BranchOwner, number: number, target: Target, breadth: number) {
    this.#owner = owner;
    this.number = number;
    this.target = target;
    this.breadth = breadth;
  }

  /** True while it may still answer, or will be tried elsewhere. */
  get isPending(): boolean {
    return this.#state === "locating" || this.#state === "calling" || this.#state === "ringing";
  }

  /** Sends the request by that hop, now or when it is known. `message` is a view on the request. */
  begin(hop: NextHop | Promise<NextHop>, message: Message): void {
    if (!(hop instanceof Promise)) {
      this.#go(hop, message);
      return;
    }
    const proceed = (found: NextHop): void => {
      if (this.#state !== "locating") return;
      const later = this.#owner.message();
      if (later === null) this.#end(487);
      else this.#go(found, later);
    };
    hop
      .then(proceed, () => {
        proceed({ kind: "none", status: 503, why: "the name could not be looked up" });
      })
      .catch((err: unknown) => {
        this.#owner.deps.log.error({ err, method: this.#owner.request.method }, "a request failed by our own mistake");
        this.#end(500);
      });
  }

  /** Ends an INVITE: at once while nothing was sent, by CANCEL when it has been heard of, else when it is. `headers`: whole lines. */
  cancel(headers: string): void {
    if (!this.isPending || this.#owner.request.method !== "INVITE") return;
    this.#cancelWith(headers);
    if (this.#state === "locating") this.#end(487);
  }

  /** Timer C or the target's ringing time is over (RFC 3261 §16.8). */
  onRingingTooLong(): void {
    this.#timer = 0;
    if (!this.isPending) return;
    this.hasExpired = true;
    this.#cancelWith(`Reason: SIP;cause=408;text="No answer"\r\n`);
    if (this.#state === "ringing") return;
    // Nothing was heard: as if it had answered 408. Its transaction lives on, so that what comes late is cancelled.
    this.#state = "failed";
    this.#owner.ended(this, 408);
  }

  onResponse(transaction: TransactionId, response: Message): void {
    if (transaction !== this.transaction) return;
    const { status } = response;
    if (status < 200) this.#onProvisional(response);
    // It has nowhere to go on to: only we are named (RFC 3261 §16.7 step 3). A branch that ends so has failed.
    else if (!response.hasLowerVia) this.#end(502);
    else if (status < 300) {
      this.#state = "answered";
      this.#stopTimer();
      this.#owner.success(this, response);
    } else this.#onFailure(response);
  }

  onTimeout(): void {
    const { deps } = this.#owner;
    if (this.#state === "calling" && this.#flow !== null) deps.health.failed(this.#flow);
    this.#tryNextOrEnd(408);
  }

  onUnreachable(): void {
    const { deps } = this.#owner;
    if (this.#flow !== null) deps.health.failed(this.#flow);
    if (!this.#isByFlow || this.target.flow === undefined) {
      this.#tryNextOrEnd(503);
      return;
    }
    // A phone's connection is gone: by the one that it has registered by since, if it has not heard of this request yet (RFC 5626 §5.3).
    const message = this.#state === "calling" && !this.#isCancelled && !this.#isSecondWay ? this.#owner.message() : null;
    if (message === null) {
      this.#end(430);
      return;
    }
    this.#isSecondWay = true;
    this.#stopTimer();
    this.#state = "locating";
    this.begin(deps.hops.ofTarget(this.target), message);
  }

  onCancel(): void {
    /* only server transactions are cancelled */
  }

  #cancelWith(headers: string): void {
    this.#isCancelled = true;
    this.#cancelHeaders = headers;
    this.#hops = [];
    if (this.#state === "ringing") this.#owner.deps.layer.cancel(this.transaction, headers);
  }

  #go(hop: NextHop, message: Message): void {
    switch (hop.kind) {
      case "none":
        this.#end(hop.status);
        return;
      case "flow":
        this.#isByFlow = true;
        if (!this.#send(hop.flow, message)) this.#end(430);
        return;
      case "hops":
        this.#isByFlow = false;
        this.#hops = this.#owner.deps.health.ordered(hop.hops);
        this.#tryNext(message);
    }
  }

  #tryNext(message: Message): void {
    while (this.#hops.length > 0) {
      const [hop, ...rest] = this.#hops;
      this.#hops = rest;
      const flow = hop === undefined ? null : this.#owner.deps.transports.open(hop);
      if (flow !== null && this.#send(flow, message)) return;
    }
    this.#end(503);
  }

  #tryNextOrEnd(status: number): void {
    this.#stopTimer();
    const message = this.#hops.length > 0 && this.isPending && !this.#isCancelled ? this.#owner.message() : null;
    if (message === null) this.#end(status);
    else this.#tryNext(message);
  }

  #send(flow: Flow, message: Message): boolean {
    const { deps, request } = this.#owner;
    const { layer } = deps;
    const { target } = this;
    const transaction = layer.open(request.method, this);
    if (transaction === 0) return false;
    const text = forwardedRequest(message, request.source, flow, {
      uri: target.uri,
      routesOff: request.routesOff,
      routes: target.routes,
      recordRoute: request.isDialogForming ? deps.recordRoutes.lines(message, request, flow, this.#isByFlow, target) : "",
      branch: layer.table.branch(transaction, layer.serverId, request.loop),
      realm: deps.realm,
      edits: mergeEdits(mergeEdits(target.edits, this.#owner.edits(target)), this.breadth === 0 ? noEdits : [{ kind: "replace", name: "Max-Breadth", value: String(this.breadth) }]),
    });
    if (!layer.send(transaction, text, flow)) return false;
    this.transaction = transaction;
    this.#flow = flow;
    this.#state = "calling";
    if (request.method === "INVITE") this.#timer = deps.wheel.start(deps.timerKind, target.ringMs ?? deps.timerCMs, transaction);
    return true;
  }

  #onProvisional(response: Message): void {
    const { deps } = this.#owner;
    if (this.#isCancelled) {
      deps.layer.cancel(this.transaction, this.#cancelHeaders);
      return;
    }
    if (this.#state === "calling") this.#state = "ringing";
    if (response.status === 100 || !response.hasLowerVia) return;
    this.hasRung = true;
    // Each provisional answer but 100 starts timer C anew (RFC 3261 §16.7 step 2); a target's own time runs on.
    if (this.#timer !== 0 && this.target.ringMs === undefined) {
      deps.wheel.stop(this.#timer);
      this.#timer = deps.wheel.start(deps.timerKind, deps.timerCMs, this.transaction);
    }
    this.#owner.provisional(this, response);
  }

  #onFailure(response: Message): void {
    const { deps } = this.#owner;
    // What lingers to acknowledge repeated failures need not know its fork.
    deps.layer.table.setUser(this.transaction, null);
    if (response.status === 503) {
      if (this.#flow !== null) deps.health.failed(this.#flow, Number(response.header(Header.retryAfter)?.split(/[; (]/)[0] ?? NaN) * 1000);
      if (this.#hops.length > 0) {
        this.#tryNextOrEnd(503);
        return;
      }
    }
    this.#stopTimer();
    if (!this.isPending) return;
    this.#state = "failed";
    this.#owner.failure(this, response);
  }

  #end(status: number): void {
    this.#stopTimer();
    if (!this.isPending) return;
    this.#state = "failed";
    this.transaction = 0;
    this.#owner.ended(this, status);
  }

  #stopTimer(): void {
    this.#owner.deps.wheel.stop(this.#timer);
    this.#timer = 0;
  }
}

/** Both lists of edits as one; without a copy when one is empty. */
export function mergeEdits(a: Edits, b: Edits): Edits {
  return a.length === 0 ? b : b.length === 0 ? a : [...a, ...b];
}
