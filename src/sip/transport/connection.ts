import { unreachable } from "../../base/errors.ts";
import type { ProtocolCounters } from "./counters.ts";
import type { TransportLimits } from "./limits.ts";
import type { Flow, Listener, Protocol } from "./transport.ts";

/** The socket side of a connection: what differs between a byte stream and WebSocket frames. */
export interface Wire {
  /** Hands all texts over in order; `onWritten` when the system has taken them (or never will). Called again only after that. */
  write(texts: readonly string[], onWritten: () => void): void;
  /** Says that nothing more will come; what was written still leaves. */
  end(): void;
  /** Ends both directions at once. */
  destroy(): void;
}

/** What a connection needs of the table that it lives in. */
export interface ConnectionHost {
  readonly limits: TransportLimits;
  /** The time of the latest sweep: exact to half a second, free of cost. */
  readonly sweptAtMs: number;
  /** Called before what is queued leaves. */
  beforeLeave(): void;
  /** Has `connection.flush()` called once the present round of work is done. */
  flushSoon(connection: Connection): void;
  /** The connection is over; called once. */
  ended(connection: Connection, why: string): void;
}

/** What is known of a connection when it is made. */
export interface ConnectionFacts {
  readonly number: number;
  readonly protocol: Protocol;
  readonly listener: Listener;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** True when the peer opened it. */
  readonly isIncoming: boolean;
  /** The name that the peer's certificate was checked against (outgoing TLS). */
  readonly checkedName?: string;
  readonly peerName?: string;
}

type ConnectionState = "connecting" | "handshaking" | "open" | "finishing" | "ended" | "closed";

/** How long an answer to a broken message may take before our side is ended. */
const FINISH_MS = 250;
/** How long an ended connection may still read (and drop) what the peer sends, so that our last answer is not lost to a reset. */
const LINGER_MS = 2_000;

/** One connection as a flow: its bounded queue, its marks of time, its end. Sends of one round leave in one write. */
export class Connection implements Flow {
  readonly connection: number;
  readonly protocol: Protocol;
  readonly listener: Listener;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  readonly isIncoming: boolean;
  readonly checkedName: string | null;
  readonly peerName?: string;
  readonly counters: ProtocolCounters;
  readonly #host: ConnectionHost;
  #localAddress: string;
  #wire: Wire | null = null;
  #abort: (() => void) | null = null;
  #state: ConnectionState = "connecting";
  #queue: string[] = [];
  #queuedBytes = 0;
  #writingBytes = 0;
  #isFlushDue = false;
  #stateSinceMs: number;
  #writingSinceMs = 0;
  #heardAtMs: number;
  #begunAtMs = 0;
  #hasMessage = false;
  #isCutWhenWritten = false;
  #why = "";

  constructor(facts: ConnectionFacts, host: ConnectionHost, counters: ProtocolCounters) {
    this.connection = facts.number;
    this.protocol = facts.protocol;
    this.listener = facts.listener;
    this.remoteAddress = facts.remoteAddress;
    this.remotePort = facts.remotePort;
    this.localPort = facts.localPort;
    this.isIncoming = facts.isIncoming;
    this.checkedName = facts.checkedName ?? null;
    if (facts.peerName !== undefined) this.peerName = facts.peerName;
    this.counters = counters;
    this.#localAddress = facts.localAddress;
    this.#host = host;
    this.#stateSinceMs = host.sweptAtMs;
    this.#heardAtMs = host.sweptAtMs;
  }

  get isOpen(): boolean {
    return this.#state !== "ended" && this.#state !== "closed";
  }

  /** True while it may carry new requests: open or being made, and not about to end. */
  get isReusable(): boolean {
    return this.#state === "open" || this.#state === "connecting" || this.#state === "handshaking";
  }

  get localAddress(): string {
    return this.#localAddress;
  }

  /** Bytes that wait here: those not handed over yet and those the system has not taken yet. */
  get waitingBytes(): number {
    return this.#queuedBytes + this.#writingBytes;
  }

  send(text: string): boolean {
    if (!this.#enqueue(text)) return false;
    this.counters.messagesOut++;
    return true;
  }

  close(): void {
    this.#destroy("closed by us");
  }

  /** A connection that is being made: `abort` gives it up. */
  startConnecting(abort: () => void): void {
    this.#abort = abort;
  }

  /** The TCP part is done, the TLS handshake goes on. */
  startHandshake(): void {
    if (this.#state === "connecting") this.#enter("handshaking");
  }

  /** From here on messages flow; `localAddress`: ours, now that the system has chosen it. */
  opened(wire: Wire, localAddress: string): void {
    if (!this.isOpen) {
      wire.destroy();
      return;
    }
    this.#wire = wire;
    this.#abort = null;
    this.#localAddress = localAddress;
    this.#heardAtMs = this.#host.sweptAtMs;
    this.#enter("open");
    this.flush();
  }

  /** Bytes have come; `isMidMessage`: a message has begun and is not whole. */
  heardBytes(count: number, isMidMessage: boolean): void {
    this.counters.bytesIn += count;
    if (!isMidMessage) this.#begunAtMs = 0;
    else if (this.#begunAtMs === 0) this.#begunAtMs = this.#host.sweptAtMs;
  }

  /** A whole message has come: what follows it begins anew. */
  heardMessage(): void {
    this.counters.messagesIn++;
    this.#hasMessage = true;
    this.#heardAtMs = this.#host.sweptAtMs;
    this.#begunAtMs = 0;
  }

  /** A keep-alive has come; answers it with `pong` unless that is empty. */
  heardKeepAlive(pong: string): void {
    this.#heardAtMs = this.#host.sweptAtMs;
    if (pong === "") return;
    this.counters.keepAlives++;
    this.#enqueue(pong);
  }

  /** Ends the connection once what is queued, and an answer that comes at once, has left. What the peer still sends is to be dropped. */
  finish(why: string): void {
    if (this.#state === "finishing" || !this.isOpen) return;
    this.#why = why;
    this.#enter("finishing");
  }

  /** Takes nothing more for sending and ends our side once what is queued has left. */
  end(why: string): void {
    if (!this.isOpen) return;
    if (this.#wire === null) {
      this.#destroy(why);
      return;
    }
    this.#why = this.#why === "" ? why : this.#why;
    this.flush();
    this.#enter("ended");
    if (this.#writingBytes === 0) this.#wire.end();
  }

  /** Like `end`, but without waiting for the peer's side (at stop). */
  endBoth(why: string): void {
    this.#isCutWhenWritten = true;
    this.end(why);
    if (this.#writingBytes === 0) this.cut();
  }

  /** Ends everything at once, even what was ending already. */
  cut(): void {
    this.#destroy("cut");
    this.#wire?.destroy();
  }

  /** The socket is gone. `why` counts unless we know better. */
  closed(why: string): void {
    if (this.#state === "closed") return;
    this.#enter("closed");
    this.#wire = null;
    this.#abort = null;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#host.ended(this, this.#why === "" ? why : this.#why);
  }

  /** Hands what is queued to the system, unless it has not taken the last batch yet. */
  flush(): void {
    this.#isFlushDue = false;
    const wire = this.#wire;
    if (wire === null || this.#writingBytes > 0 || this.#queue.length === 0) return;
    const texts = this.#queue;
    this.#queue = [];
    this.#writingBytes = this.#queuedBytes;
    this.#queuedBytes = 0;
    this.#writingSinceMs = this.#host.sweptAtMs;
    this.counters.bytesOut += this.#writingBytes;
    this.#host.beforeLeave();
    wire.write(texts, this.#onWritten);
  }

  /** Looks at every deadline. */
  sweep(nowMs: number): void {
    const limits = this.#host.limits;
    const inState = nowMs - this.#stateSinceMs;
    switch (this.#state) {
      case "connecting":
        if (inState >= limits.connectSeconds * 1000) this.#timeOut("no connection within the time limit");
        return;
      case "handshaking":
        if (inState >= limits.handshakeSeconds * 1000) this.#timeOut("no handshake within the time limit");
        return;
      case "finishing":
        if (inState >= FINISH_MS) this.end(this.#why);
        return;
      case "ended":
        if (inState >= LINGER_MS) this.#wire?.destroy();
        return;
      case "open":
        if (this.#writingBytes > 0 && nowMs - this.#writingSinceMs >= limits.blockedSeconds * 1000) this.#timeOut("the peer does not read");
        else if (this.#begunAtMs > 0 && nowMs - this.#begunAtMs >= limits.messageSeconds * 1000) this.#timeOut("a message was begun and not finished");
        else if (this.isIncoming && !this.#hasMessage && nowMs - this.#heardAtMs >= limits.firstMessageSeconds * 1000) this.#timeOut("no first message");
        else if (nowMs - Math.max(this.#heardAtMs, this.#writingSinceMs) >= limits.idleSeconds * 1000) this.#timeOut("idle");
        return;
      case "closed":
        return;
      default:
        unreachable(this.#state, "Connection.sweep");
    }
  }

  #enqueue(text: string): boolean {
    if (!this.isOpen) return false;
    if (this.#queuedBytes + this.#writingBytes + text.length > this.#host.limits.queueBytes) {
      this.counters.queueDropped++;
      return false;
    }
    this.#queue.push(text);
    this.#queuedBytes += text.length;
    if (!this.#isFlushDue && this.#wire !== null && this.#writingBytes === 0) {
      this.#isFlushDue = true;
      this.#host.flushSoon(this);
    }
    return true;
  }

  readonly #onWritten = (): void => {
    this.#writingBytes = 0;
    this.flush();
    if (this.#state !== "ended" || this.#writingBytes > 0) return;
    if (this.#isCutWhenWritten) this.#wire?.destroy();
    else this.#wire?.end();
  };

  #timeOut(why: string): void {
    this.counters.connectionsTimedOut++;
    this.#destroy(why);
  }

  #destroy(why: string): void {
    if (!this.isOpen) return;
    this.#why = this.#why === "" ? why : this.#why;
    this.flush();
    this.#enter("ended");
    const abort = this.#abort;
    this.#abort = null;
    if (this.#wire !== null) this.#wire.destroy();
    else abort?.();
  }

  #enter(state: ConnectionState): void {
    this.#state = state;
    this.#stateSinceMs = this.#host.sweptAtMs;
  }
}
