import { hex32, hex8 } from "../../base/hex.ts";
import type { KeyedHash } from "../../base/keyed-hash.ts";
import type { Log } from "../../base/log.ts";
import { withoutCredentials } from "../../base/log.ts";
import { randomHex, type Random } from "../../base/random.ts";
import type { TimerWheel } from "../../base/timer-wheel.ts";
import { InvariantError, ParseError } from "../../base/errors.ts";
import { Header } from "../header-name.ts";
import { Message } from "../message.ts";
import { isSoundResponse, reasonPhrase, responseText, type Answer } from "../response.ts";
import type { Flow, TransportHandler, Transports } from "../transport/transport.ts";
import { asksForRport, type Via } from "../via.ts";
import type { TwoLanes } from "../via-key.ts";
import { parseBranch } from "./branch.ts";
import { hopRequest } from "./hop-request.ts";
import type { LoadGate } from "./load-gate.ts";
import { Event, Machine, State, type BaseTimes } from "./machine.ts";
import { serverKey } from "./server-key.ts";
import { TransactionTable } from "./table.ts";
import type { TransactionId, TransactionUser } from "./user.ts";

/** The part of the server above the transactions. Messages are views that are valid during the call only. */
export interface TransactionCore {
  /** A new request; `transaction` is its server transaction. Never an ACK, never a CANCEL. */
  onRequest(message: Message, via: Via, flow: Flow, transaction: TransactionId): void;
  /** An ACK that belongs to no transaction of ours: that of a 2xx. */
  onAck(message: Message, via: Via, flow: Flow): void;
}

/** What the layer counts, for metrics. */
export interface LayerCounts {
  requests: number;
  responses: number;
  strayResponses: number;
  unparsable: number;
  tableFull: number;
}

/** Messages in and out of transactions (RFC 3261 §17, §18.2): matches them, repeats them, absorbs repetitions. */
export class TransactionLayer implements TransportHandler {
  readonly table: TransactionTable;
  readonly counts: LayerCounts = { requests: 0, responses: 0, strayResponses: 0, unparsable: 0, tableFull: 0 };
  /** Names this process in our branches. */
  readonly serverId: string;
  readonly #transports: Transports;
  readonly #hash: KeyedHash;
  /** Of the server transaction that is looked for. */
  readonly #key: TwoLanes = { high: 0, low: 0 };
  readonly #random: Random;
  readonly #log: Log;
  readonly #logsSip: boolean;
  readonly #wheel: TimerWheel;
  readonly #lostKind: number;
  readonly #gate: LoadGate | null;
  readonly #lost = new Map<Flow, string>();
  readonly #scratch = new Message();
  readonly #kept = new Message();
  #core: TransactionCore | null = null;

  constructor(deps: {
    readonly transports: Transports;
    readonly wheel: TimerWheel;
    readonly random: Random;
    readonly hash: KeyedHash;
    readonly times: BaseTimes;
    readonly transactionsMax: number;
    readonly log: Log;
    readonly logsSip: boolean;
    /** Whom new calls must pass; without one all are let in. */
    readonly gate?: LoadGate;
  }) {
    this.#gate = deps.gate ?? null;
    this.#transports = deps.transports;
    this.#hash = deps.hash;
    this.#random = deps.random;
    this.#log = deps.log;
    this.#logsSip = deps.logsSip;
    this.#wheel = deps.wheel;
    this.serverId = randomHex(deps.random, 3);
    this.table = new TransactionTable({
      ...deps,
      tell: (user, transaction, event) => {
        if (event !== Event.timeout) user.onResponse(transaction, this.#scratch);
        else this.#guarded(() => user.onTimeout(transaction));
      },
    });
    this.#lostKind = deps.wheel.kind(() => {
      this.#failLost();
    });
  }

  /** Names who gets the requests; once, before the transports start. */
  serve(core: TransactionCore): void {
    this.#core = core;
  }

  onMessage(text: string, flow: Flow): void {
    const message = this.#scratch;
    if (this.#logsSip) this.#log.info({ peer: `${flow.remoteAddress}:${flow.remotePort}`, protocol: flow.protocol, message: withoutCredentials(text) }, "received");
    try {
      const error = message.parse(text);
      if (message.isRequest) this.#onRequest(message, flow, error);
      else if (error === null && isSoundResponse(message)) this.#onResponse(message);
      else this.counts.unparsable++;
    } catch (err) {
      this.#failed(message, flow, err);
    }
  }

  onOversized(head: string, flow: Flow): void {
    const message = this.#scratch;
    message.parse(head);
    if (message.isRequest && message.method !== "ACK" && message.has(Header.via)) this.replyStateless(message, flow, { status: 513 });
    else this.counts.unparsable++;
  }

  onClosed(flow: Flow, why: string): void {
    // Many connections may end at once: one pass over the table for all of them.
    if (this.#lost.size === 0) this.#wheel.start(this.#lostKind, 0, 0);
    this.#lost.set(flow, why);
  }

  /** Answers the request of a server transaction: `message` is a view on that request. A final answer ends the wait. */
  reply(transaction: TransactionId, message: Message, answer: Answer, toTag: string): void {
    const flow = this.table.flow(transaction);
    if (flow === null) return;
    this.respond(transaction, answer.status, responseText(message, answer, toTag, flow.remoteAddress, flow.remotePort));
  }

  /** Answers a request other than INVITE and remembers nothing of it: repeated, it is answered anew (RFC 3261 §26.3.2.4: challenges keep no state). */
  replyOnce(transaction: TransactionId, message: Message, answer: Answer, toTag: string): void {
    const flow = this.table.flow(transaction);
    if (flow === null) return;
    const text = responseText(message, answer, toTag, flow.remoteAddress, flow.remotePort);
    this.table.abandon(transaction);
    if (this.#logsSip) this.#logSent(text, flow);
    flow.send(text);
  }

  /** Sends a whole response by a server transaction. False when the transaction is over or has had its final answer. */
  respond(transaction: TransactionId, status: number, text: string): boolean {
    const flow = this.table.flow(transaction);
    if (flow === null) return false;
    if (!flow.isOpen) this.#reopen(transaction, flow, text);
    if (this.#logsSip) this.#logSent(text, flow);
    return this.table.event(transaction, status < 200 ? Event.provisional : status < 300 ? Event.success : Event.failure, text);
  }

  /** Answers without keeping anything: for requests that a stranger may send in any number (RFC 3261 §8.2.7). The ACK of such an answer is absorbed. */
  replyStateless(message: Message, flow: Flow, answer: Answer): void {
    if (message.method === "ACK") return;
    let way = flow;
    let branch = "";
    try {
      const via = message.topVia;
      branch = via.branch;
      way = this.#replyFlow(via, flow);
    } catch {
      // A Via that cannot be read: back to where it came from.
    }
    const text = responseText(message, answer, this.#statelessTag(branch, message.callId), flow.remoteAddress, flow.remotePort);
    if (this.#logsSip) this.#logSent(text, way);
    way.send(text);
  }

  /** Reserves a client transaction for a request of that method; 0 when the table is full. */
  open(method: string, user: TransactionUser): TransactionId {
    const transaction = this.table.openClient(method === "INVITE" ? Machine.inviteClient : Machine.client, user);
    if (transaction === 0) this.counts.tableFull++;
    return transaction;
  }

  /** Sends the request of a reserved client transaction. False when the flow did not take it: then the transaction is over. */
  send(transaction: TransactionId, text: string, flow: Flow): boolean {
    if (this.#logsSip) this.#logSent(text, flow);
    return this.table.start(transaction, text, flow);
  }

  /** Cancels an INVITE that we sent and that has had a provisional answer (RFC 3261 §9.1). `headers`: whole lines, e.g. Reason. */
  cancel(transaction: TransactionId, headers: string): void {
    const flow = this.table.flow(transaction);
    if (flow === null || this.table.state(transaction) !== State.proceeding || this.table.cancelOf(transaction) !== 0) return;
    this.#kept.parse(this.table.request(transaction));
    const cancel = this.table.openClient(Machine.client, {
      ...quiet,
      // The INVITE is over there (a phone that was restarted): only an answer that is on its way already can still come.
      onResponse: (_cancel, response) => {
        if (response.status === 481) this.table.limit(transaction, true);
      },
    });
    if (cancel === 0) return;
    const text = hopRequest(this.#kept, "CANCEL", this.#kept.header(Header.to) ?? "", headers);
    this.table.setCancel(transaction, cancel);
    this.table.limit(transaction);
    this.send(cancel, text, flow);
  }

  /** The request of a live server transaction, until its final answer; null after. A view of its own. */
  request(transaction: TransactionId): Message | null {
    const text = this.table.request(transaction);
    return text === "" ? null : Message.of(text);
  }

  #onRequest(message: Message, flow: Flow, error: ParseError | null): void {
    this.counts.requests++;
    const { method } = message;
    if (error !== null || !message.has(Header.via)) {
      this.counts.unparsable++;
      // Without a Via there is nobody to answer.
      if (message.has(Header.via)) this.replyStateless(message, flow, { status: error?.status ?? 400, ...phrase(error) });
      return;
    }
    // Before anything else is read: another version may write it otherwise (RFC 4475 §3.1.2.16).
    if (message.version !== "SIP/2.0" && message.version.toUpperCase() !== "SIP/2.0") {
      this.replyStateless(message, flow, { status: 505 });
      return;
    }
    const via = message.topVia;
    if (method === "ACK") {
      this.#onAck(message, via, flow);
      return;
    }
    serverKey(this.#key, message, via, method === "CANCEL" ? "INVITE" : method, this.#hash);
    const known = this.table.find(this.#key);
    if (method === "CANCEL") {
      this.#onCancel(message, via, flow, known);
      return;
    }
    if (known !== 0) {
      this.table.event(known, Event.request);
      return;
    }
    if (method === "INVITE" && this.#gate !== null && !message.hasToTag && !this.#gate.admits()) {
      this.replyStateless(message, flow, { status: 503, headers: this.#gate.retryAfter() });
      return;
    }
    const transaction = this.table.openServer(method === "INVITE" ? Machine.inviteServer : Machine.server, this.#key, this.#replyFlow(via, flow), message.text, null);
    if (transaction === 0) {
      this.counts.tableFull++;
      this.replyStateless(message, flow, { status: 503, headers: "Retry-After: 10\r\n" });
      return;
    }
    try {
      this.#core?.onRequest(message, via, flow, transaction);
    } catch (err) {
      const status = err instanceof ParseError ? err.status : 500;
      if (!(err instanceof ParseError)) this.#log.error({ err, method, callId: message.callId }, "a request failed by our own mistake");
      this.reply(transaction, message, { status, ...phrase(err) }, this.#statelessTag(via.branch, message.callId));
    }
    this.table.keepRequest();
  }

  #onAck(message: Message, via: Via, flow: Flow): void {
    serverKey(this.#key, message, via, "INVITE", this.#hash);
    const transaction = this.table.find(this.#key);
    if (transaction !== 0 && this.table.state(transaction) !== State.accepted) {
      this.table.event(transaction, Event.ack);
      return;
    }
    const { toTag } = message;
    if (toTag.length === STATELESS_TAG_LENGTH && toTag.startsWith("l") && toTag === this.#statelessTag(via.branch, message.callId)) return;
    this.#core?.onAck(message, via, flow);
  }

  #onCancel(message: Message, via: Via, flow: Flow, invite: TransactionId): void {
    if (invite === 0) {
      this.replyStateless(message, flow, { status: 481 });
      return;
    }
    serverKey(this.#key, message, via, "CANCEL", this.#hash);
    const known = this.table.find(this.#key);
    if (known !== 0) {
      this.table.event(known, Event.request);
      return;
    }
    const transaction = this.table.openServer(Machine.server, this.#key, this.#replyFlow(via, flow), message.text, null);
    const tag = this.#statelessTag(via.branch, message.callId);
    if (transaction !== 0) this.reply(transaction, message, { status: 200 }, tag);
    else this.replyStateless(message, flow, { status: 200 });
    this.table.keepRequest();
    // After the final answer a CANCEL has no effect (RFC 3261 §9.2).
    if (this.table.state(invite) === State.proceeding) this.table.user(invite)?.onCancel(invite, message);
  }

  #onResponse(message: Message): void {
    this.counts.responses++;
    if (!message.has(Header.via)) return;
    const branch = parseBranch(this.serverId, message.topVia.branch);
    let transaction = branch === null ? 0 : this.table.findClient(branch);
    if (transaction !== 0 && message.method === "CANCEL" && this.table.machine(transaction) === Machine.inviteClient) transaction = this.table.cancelOf(transaction);
    // The method of CSeq counts as well (RFC 3261 §17.1.3 rule 2).
    if (transaction === 0 || (message.method === "INVITE") !== (this.table.machine(transaction) === Machine.inviteClient)) {
      // Nobody waits for it any more: dropped (RFC 6026 §8.9 and its proxy rule).
      this.counts.strayResponses++;
      return;
    }
    const event = message.status < 200 ? Event.provisional : message.status < 300 ? Event.success : Event.failure;
    let ack = "";
    if (event === Event.failure && this.table.machine(transaction) === Machine.inviteClient && this.table.state(transaction) !== State.completed) {
      this.#kept.parse(this.table.request(transaction));
      ack = hopRequest(this.#kept, "ACK", message.header(Header.to) ?? "");
    }
    this.table.event(transaction, event, ack);
  }

  /** Responses go back on the connection; over UDP to the source address, and to its port when rport was asked for, else to that of sent-by (RFC 3261 §18.2.2, RFC 3581 §4). */
  #replyFlow(via: Via, flow: Flow): Flow {
    if (flow.protocol !== "udp") return flow;
    const port = via.port === 0 ? 5060 : via.port;
    if (port === flow.remotePort || asksForRport(via)) return flow;
    return this.#transports.open({ protocol: "udp", address: flow.remoteAddress, port, network: flow.listener.network }) ?? flow;
  }

  /** The request's connection is gone: a new one to the address of its Via (RFC 3261 §18.2.2). */
  #reopen(transaction: TransactionId, gone: Flow, response: string): void {
    if (gone.protocol === "ws" || gone.protocol === "wss") return;
    this.#kept.parse(response);
    const via = readableVia(this.#kept);
    if (via === null) return;
    const next = this.#transports.open({ protocol: gone.protocol, address: gone.remoteAddress, port: via.port === 0 ? (gone.protocol === "tls" ? 5061 : 5060) : via.port });
    if (next !== null) this.table.redirect(transaction, next);
  }

  #statelessTag(branch: string, callId: string): string {
    return `l${this.#hash.tag(`${branch}|${callId}`).slice(0, STATELESS_TAG_LENGTH - 1)}`;
  }

  #failLost(): void {
    const lost = new Map(this.#lost);
    this.#lost.clear();
    for (const transaction of this.table.waitingOn(new Set(lost.keys()))) {
      const user = this.table.user(transaction);
      const flow = this.table.flow(transaction);
      const why = flow === null ? "connection lost" : (lost.get(flow) ?? "connection lost");
      this.table.abandon(transaction);
      this.#guarded(() => user?.onUnreachable(transaction, why));
    }
  }

  /** A mistake of ours ends what was told of, never the timers of others. */
  #guarded(tell: () => void): void {
    try {
      tell();
    } catch (err) {
      this.#log.error({ err }, "the end of a transaction could not be taken in");
    }
  }

  #failed(message: Message, flow: Flow, err: unknown): void {
    this.counts.unparsable++;
    if (!(err instanceof ParseError)) {
      this.#log.error({ err, peer: flow.remoteAddress, method: message.method }, "a message failed by our own mistake");
      if (err instanceof InvariantError) return;
    }
    if (message.isRequest && message.has(Header.via)) this.replyStateless(message, flow, { status: err instanceof ParseError ? err.status : 500, ...phrase(err) });
  }

  #logSent(text: string, flow: Flow): void {
    this.#log.info({ peer: `${flow.remoteAddress}:${flow.remotePort}`, protocol: flow.protocol, message: withoutCredentials(text) }, "sent");
  }

  /** Random text for tags and Call-IDs of ours. */
  token(): string {
    const end = this.#random.word();
    return hex32(this.#random.word()) + hex8(end) + hex8(end >>> 8);
  }
}

const STATELESS_TAG_LENGTH = 13;

/** The topmost Via; null when a next hop has spoilt it. */
function readableVia(message: Message): Via | null {
  try {
    return message.topVia;
  } catch {
    return null;
  }
}

/** The user of a CANCEL: the INVITE's own answer is what counts. */
const quiet: TransactionUser = { onResponse: nothing, onTimeout: nothing, onUnreachable: nothing, onCancel: nothing };

function nothing(): void {
  /* on purpose */
}

/** What was wrong, as a reason phrase: short, printable. */
function phrase(error: unknown): { reason?: string } {
  if (!(error instanceof ParseError)) return {};
  return { reason: `${reasonPhrase(error.status)}: ${error.message.replace(/[^ -~]/g, "?").slice(0, 80)}` };
}
