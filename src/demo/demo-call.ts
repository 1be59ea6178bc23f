import type { Clock } from "../base/clock.ts";
import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import { parseNameAddr, tagOf } from "../sip/name-addr.ts";
import type { TransactionLayer } from "../sip/transaction/layer.ts";
import type { TransactionId, TransactionUser } from "../sip/transaction/user.ts";

/** What a call needs of its phone. */
export interface CallLine {
  readonly clock: Clock;
  /** Null when the phone has no power. */
  readonly layer: () => TransactionLayer | null;
  readonly contact: () => string;
  readonly via: () => string;
  /** Sends a request whose branch is written as `BRANCH`; 0 when it cannot leave. */
  readonly send: (text: string, user: TransactionUser) => TransactionId;
  readonly signed: (text: string) => string;
  readonly challenged: (text: string, response: Message) => string;
  /** Sends an ACK. */
  readonly acknowledge: (text: string) => void;
  /** Sends a request and answers a challenge. */
  readonly ask: (text: string) => void;
  /** The call has ended. */
  readonly over: (callId: string) => void;
}

/** Who speaks with whom. */
export interface CallParties {
  readonly callId: string;
  readonly localTag: string;
  readonly isCaller: boolean;
  readonly localUri: string;
  readonly remoteUri: string;
  /** Shown as this side's name. */
  readonly display: string;
}

const REPEAT_MS = 500;
const REPEAT_MS_MAX = 4000;
const GIVE_UP_MS = 32_000;
const SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

/** A call as one phone of the demo sees it. There is no sound. */
export class DemoCall {
  readonly callId: string;
  readonly isCaller: boolean;
  /** `ended` is final. */
  state: "calling" | "ringing" | "talking" | "ended";
  isHolding = false;
  /** Called once when both talk, and once when it is over. */
  onTalk: () => void = () => undefined;
  onEnd: () => void = () => undefined;
  readonly #line: CallLine;
  readonly #parties: CallParties;
  #remoteTag = "";
  #target: string;
  #routes: readonly string[] = [];
  #cseq = 1;
  #transaction: TransactionId = 0;
  #invite: Message | null = null;
  #isAcknowledged = false;
  #hasProvisional = false;
  #wantsCancel = false;
  #isReinviting = false;

  constructor(line: CallLine, parties: CallParties) {
    this.#line = line;
    this.#parties = parties;
    this.callId = parties.callId;
    this.isCaller = parties.isCaller;
    this.state = parties.isCaller ? "calling" : "ringing";
    this.#target = parties.remoteUri;
  }

  /** Begins it. */
  invite(): void {
    this.#sendInvite(this.#line.signed(this.#request("INVITE", this.#cseq, SDP)), false);
  }

  /** Takes an INVITE that has come, and rings. */
  incoming(invite: Message, transaction: TransactionId): void {
    this.#invite = invite;
    this.#transaction = transaction;
    this.#remoteTag = tagOf(invite.header(Header.from));
    this.#target = parseNameAddr(invite.values(Header.contact)[0] ?? "").uri;
    this.#routes = invite.values(Header.recordRoute);
    this.#cseq = 1000;
    const layer = this.#line.layer();
    layer?.table.setUser(transaction, {
      onResponse: () => undefined,
      onTimeout: () => undefined,
      onUnreachable: () => undefined,
      onCancel: () => {
        if (this.state !== "ringing") return;
        layer.reply(transaction, invite, { status: 487 }, this.#parties.localTag);
        this.ended();
      },
    });
    this.#reply(180);
  }

  answer(): void {
    if (this.state !== "ringing") return;
    this.state = "talking";
    this.#repeatOk(REPEAT_MS, 0);
    this.onTalk();
  }

  reject(status: number): void {
    if (this.state !== "ringing") return;
    this.#reply(status);
    this.ended();
  }

  /** Ends it, however far it is: CANCEL, BYE or a refusal. */
  hangUp(): void {
    if (this.state === "ringing") this.reject(480);
    else if (this.state === "talking") {
      this.#line.ask(this.#request("BYE", ++this.#cseq, ""));
      this.ended();
    } else if (this.state === "calling") {
      this.#wantsCancel = true;
      if (this.#hasProvisional) this.#line.layer()?.cancel(this.#transaction, "");
    }
  }

  /** Puts the other side on hold or takes it back, by re-INVITE. */
  hold(isHolding: boolean): void {
    if (this.state !== "talking" || this.#isReinviting || this.isHolding === isHolding || (!this.isCaller && !this.#isAcknowledged)) return;
    this.#isReinviting = true;
    const cseq = ++this.#cseq;
    const over = (): void => {
      this.#isReinviting = false;
    };
    this.#line.send(this.#request("INVITE", cseq, `${SDP}a=${isHolding ? "sendonly" : "sendrecv"}\r\n`), {
      onResponse: (_transaction, response) => {
        if (response.status < 200) return;
        over();
        if (response.status >= 300) return;
        this.isHolding = isHolding;
        this.#line.acknowledge(this.#request("ACK", cseq, ""));
      },
      onTimeout: over,
      onUnreachable: over,
      onCancel: over,
    });
  }

  /** The ACK has come. */
  acknowledged(): void {
    this.#isAcknowledged = true;
  }

  /** A request of the other side within the call. */
  onRequest(message: Message, transaction: TransactionId): void {
    const layer = this.#line.layer();
    if (message.method === "INVITE") layer?.reply(transaction, message, { status: 200, headers: `Contact: ${this.#line.contact()}\r\n`, contentType: "application/sdp", body: SDP }, "");
    else layer?.reply(transaction, message, { status: this.state === "talking" ? 200 : 481 }, "");
    if (message.method === "BYE") this.ended();
  }

  /** It is over on this side; nothing is sent. */
  ended(): void {
    if (this.state === "ended") return;
    this.state = "ended";
    this.#line.over(this.callId);
    this.onEnd();
  }

  #sendInvite(text: string, isSecond: boolean): void {
    const over = (): void => {
      this.ended();
    };
    this.#transaction = this.#line.send(text, {
      onResponse: (_transaction, response) => {
        if (response.status < 200) {
          this.#hasProvisional = true;
          if (this.#wantsCancel) this.#line.layer()?.cancel(this.#transaction, "");
        } else if (response.status < 300) this.#answered(response);
        else if (response.status === 407 && !isSecond && !this.#wantsCancel) {
          this.#cseq++;
          this.#sendInvite(this.#line.challenged(text, response), true);
        } else this.ended();
      },
      onTimeout: over,
      onUnreachable: over,
      onCancel: over,
    });
    if (this.#transaction === 0) this.ended();
  }

  #answered(response: Message): void {
    this.#remoteTag = tagOf(response.header(Header.to));
    this.#target = parseNameAddr(response.values(Header.contact)[0] ?? "").uri;
    this.#routes = response.values(Header.recordRoute).reverse();
    this.#line.acknowledge(this.#request("ACK", response.cseq, ""));
    if (this.state !== "calling") return;
    this.state = "talking";
    if (this.#wantsCancel) this.hangUp();
    else this.onTalk();
  }

  #reply(status: number): void {
    if (this.#invite !== null) this.#line.layer()?.reply(this.#transaction, this.#invite, { status, headers: `Contact: ${this.#line.contact()}\r\n` }, this.#parties.localTag);
  }

  /** Says 200 until the ACK comes (RFC 3261 §13.3.1.4). */
  #repeatOk(waitMs: number, spentMs: number): void {
    if (this.#isAcknowledged || this.state !== "talking" || this.#invite === null) return;
    if (spentMs > GIVE_UP_MS) {
      this.hangUp();
      return;
    }
    this.#line.layer()?.reply(this.#transaction, this.#invite, { status: 200, headers: `Contact: ${this.#line.contact()}\r\n`, contentType: "application/sdp", body: SDP }, this.#parties.localTag);
    this.#line.clock.after(waitMs, () => {
      this.#repeatOk(Math.min(2 * waitMs, REPEAT_MS_MAX), spentMs + waitMs);
    });
  }

  #request(method: string, cseq: number, body: string): string {
    const { localUri, localTag, remoteUri, display } = this.#parties;
    const from = display === "" ? "" : `"${display}" `;
    return (
      `${method} ${this.#target} SIP/2.0\r\n${this.#line.via()}${this.#routes.map((route) => `Route: ${route}\r\n`).join("")}Max-Forwards: 70\r\nFrom: ${from}<${localUri}>;tag=${localTag}\r\n` +
      `To: <${remoteUri}>${this.#remoteTag === "" ? "" : `;tag=${this.#remoteTag}`}\r\nCall-ID: ${this.callId}\r\nCSeq: ${String(cseq)} ${method}\r\nContact: ${this.#line.contact()}\r\n` +
      `User-Agent: Lamplight-Demo/1.0\r\n${body === "" ? "" : "Content-Type: application/sdp\r\n"}Content-Length: ${String(body.length)}\r\n\r\n${body}`
    );
  }
}
