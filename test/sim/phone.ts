import type { Clock } from "../../src/base/clock.ts";
import { keyedHash } from "../../src/base/keyed-hash.ts";
import type { Random } from "../../src/base/random.ts";
import { randomHex } from "../../src/base/random.ts";
import { silentLog } from "../../src/base/log.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { digestAnswer } from "../../src/sip/digest/answer.ts";
import { parseChallenge, type DigestChallenge } from "../../src/sip/digest/challenge.ts";
import { ha1Of } from "../../src/sip/digest/hashes.ts";
import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";
import { parseNameAddr, tagOf } from "../../src/sip/name-addr.ts";
import { TransactionLayer } from "../../src/sip/transaction/layer.ts";
import { standardTimes } from "../../src/sip/transaction/machine.ts";
import type { TransactionId, TransactionUser } from "../../src/sip/transaction/user.ts";
import type { Flow, Hop, Transports } from "../../src/sip/transport/transport.ts";
import type { SimNetwork } from "./network.ts";

/** A call as one phone sees it. */
export interface PhoneCall {
  readonly callId: string;
  readonly isCaller: boolean;
  /** `ended` is final. */
  state: "calling" | "ringing" | "talking" | "ended";
  localTag: string;
  remoteTag: string;
  localUri: string;
  remoteUri: string;
  target: string;
  routes: readonly string[];
  cseq: number;
  transaction: TransactionId;
  invite: Message | null;
  /** Repeats the 200 until its ACK comes (RFC 3261 §13.3.1.4). */
  isAcknowledged: boolean;
  hasProvisional: boolean;
  wantsCancel: boolean;
  /** The highest CSeq that the other side has used; -1 before its first request. */
  remoteCseq: number;
  /** The CSeq of the last INVITE of the other side's that was acknowledged. */
  acknowledgedCseq: number;
  /** True while this side has put the other one on hold, as both agreed on last. */
  isHolding: boolean;
  /** True while it is not known whether the other side took over what this one last offered. */
  isHoldUnsure: boolean;
  /** True while an INVITE of this side's within the dialog has no answer: no other one begins (RFC 3261 §14.1). */
  isReinviting: boolean;
}

/** How a phone answers OPTIONS within a dialog that it knows (one that it does not know gets 481); `mute`: not at all. */
export type PhoneManner = "strict" | "refusing" | "mute";

/** What a watcher was last told of one resource. */
export interface Watched {
  body: string;
  version: number;
  cseq: number;
  isActive: boolean;
  count: number;
}

export interface SimPhoneOptions {
  readonly network: Pick<SimNetwork, "transports" | "crash">;
  readonly clock: Clock;
  readonly random: Random;
  readonly address: string;
  /** Default: 5060. */
  readonly port?: number;
  readonly user: string;
  readonly domain: string;
  readonly server: { readonly address: string; readonly port: number };
  readonly protocol: "udp" | "tcp";
  readonly manner?: PhoneManner;
}

/** What a phone publishes about its owner, as the server acknowledged it. */
export interface SimPublication {
  readonly activity: string;
  readonly etag: string;
  /** What it says was published between these moments, ms of the clock: the PUBLISH was sent, its answer came. A refresh changes neither. */
  readonly sentMs: number;
  readonly answeredMs: number;
  /** When it lapses unless it is refreshed, ms of the clock. */
  readonly untilMs: number;
}

/** A phone in made-up time: its own transactions over the simulated network, digest, calls, subscriptions, publications. What it does is its scenario's choice. */
export class SimPhone {
  readonly options: SimPhoneOptions;
  readonly calls = new Map<string, PhoneCall>();
  readonly watched = new Map<string, Watched>();
  isRegistered = false;
  /** False while the server may believe otherwise: before the first answer, and after a lost connection. */
  isSure = false;
  /** False once its power is gone. */
  isPlugged = true;
  publication: SimPublication | null = null;
  /** True while a PUBLISH has no outcome: what is published is not known for sure. */
  isPublishing = false;
  /** Called when the connection that it registered by has ended. */
  onLost: () => void = () => undefined;
  /** Called when a call rings here. */
  onRing: (call: PhoneCall) => void = () => undefined;
  /** Rule breaches that the phone saw. */
  readonly complaints: string[] = [];
  readonly #layer: TransactionLayer;
  readonly #transports: Transports;
  readonly #wheel: TimerWheel;
  readonly #subscriptions = new Map<string, { callId: string; localTag: string; remoteTag: string; cseq: number; target: string; resource: string; event: string }>();
  readonly #answers = new Map<string, { readonly challenges: readonly DigestChallenge[]; uses: number }>();
  #registeredBy: Flow | null = null;
  #publishCseq = 0;
  #registerCseq = 0;
  readonly #registerCallId: string;
  #instance = "";

  constructor(options: SimPhoneOptions) {
    this.options = options;
    const { network, clock, random, address } = options;
    this.#transports = network.transports(address, [`${options.protocol}://${this.#hostPort}`]);
    this.#wheel = new TimerWheel(clock);
    this.#layer = new TransactionLayer({
      transports: this.#transports,
      wheel: this.#wheel,
      random,
      hash: keyedHash(random.bytes(16)),
      times: standardTimes,
      transactionsMax: 10_000,
      log: silentLog,
      logsSip: false,
    });
    this.#layer.serve({
      onRequest: (message, _via, flow, transaction) => {
        this.#onRequest(message, flow, transaction);
      },
      onAck: (message) => {
        const call = this.calls.get(message.callId);
        if (call === undefined) return;
        call.acknowledgedCseq = Math.max(call.acknowledgedCseq, message.cseq);
        if (!call.isCaller) call.isAcknowledged = true;
      },
    });
    this.#registerCallId = `${randomHex(random, 6)}@${address}`;
    this.#instance = randomHex(random, 4);
  }

  async start(): Promise<void> {
    await this.#transports.start({
      onMessage: (text, flow) => {
        this.#layer.onMessage(text, flow);
      },
      onClosed: (flow, why) => {
        this.#layer.onClosed(flow, why);
        if (flow !== this.#registeredBy) return;
        this.#registeredBy = null;
        this.isRegistered = this.isSure = false;
        this.onLost();
      },
    });
  }

  get #hostPort(): string {
    return `${this.options.address}:${this.options.port ?? 5060}`;
  }

  get aor(): string {
    return `sip:${this.options.user}@${this.options.domain}`;
  }

  get contact(): string {
    const { user, protocol } = this.options;
    return `<sip:${user}@${this.#hostPort}${protocol === "udp" ? "" : ";transport=tcp"}>`;
  }

  /** Transactions that have not ended. */
  get transactions(): number {
    return this.#layer.table.count;
  }

  register(expires: number): void {
    const text = this.#text("REGISTER", `sip:${this.options.domain}`, {
      to: this.aor,
      callId: this.#registerCallId,
      cseq: ++this.#registerCseq,
      headers: `Expires: ${expires}\r\nUser-Agent: SimPhone ${this.#instance}\r\n`,
    });
    const flow = this.#serverFlow();
    this.#ask(text, (response) => {
      if (response !== null && response.status === 200) {
        this.isSure = flow?.isOpen === true;
        this.isRegistered = this.isSure && expires > 0;
        this.#registeredBy = flow;
      }
      const cseq = response?.cseq ?? 0;
      if (cseq > this.#registerCseq) this.#registerCseq = cseq;
    });
  }

  /** Subscribes, or refreshes the subscription, to one resource's event. */
  subscribe(user: string, event: string, expires: number, failed: () => void = () => undefined): void {
    const key = `${event} ${user}`;
    const resource = `sip:${user}@${this.options.domain}`;
    let dialog = this.#subscriptions.get(key);
    const isNew = dialog === undefined;
    dialog ??= { callId: `${randomHex(this.options.random, 6)}@sub`, localTag: randomHex(this.options.random, 4), remoteTag: "", cseq: 0, target: resource, resource, event };
    this.#subscriptions.set(key, dialog);
    if (isNew) this.watched.set(key, { body: "", version: -1, cseq: -1, isActive: false, count: 0 });
    const mine = dialog;
    const text = this.#text("SUBSCRIBE", mine.target, {
      to: resource,
      toTag: mine.remoteTag,
      callId: mine.callId,
      fromTag: mine.localTag,
      cseq: ++mine.cseq,
      headers: `Event: ${event}\r\nExpires: ${expires}\r\n`,
    });
    this.#ask(text, (response) => {
      if (response !== null && response.cseq > mine.cseq) mine.cseq = response.cseq;
      if (response?.status === 200) {
        mine.remoteTag = tagOf(response.header(Header.to));
        mine.target = parseNameAddr(response.values(Header.contact)[0] ?? `<${mine.target}>`).uri;
        return;
      }
      // Lost, refused or unknown: begin anew (RFC 6665 §4.1.2.2).
      this.#subscriptions.delete(key);
      failed();
    });
  }

  /** Publishes what its owner does (empty: available), refreshes that, or with 0 seconds takes it back. One PUBLISH at a time. */
  publish(activity: string, expires: number): void {
    if (this.isPublishing || (expires === 0 && this.publication === null)) return;
    const before = this.publication;
    const isRefresh = before?.activity === activity || expires === 0;
    const person = activity === "" ? "" : `<dm:person id="p"><rpid:activities><rpid:${activity}/></rpid:activities></dm:person>`;
    const body = `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="${this.aor}"><tuple id="t"><status><basic>open</basic></status></tuple>${person}</presence>`;
    const text = this.#text("PUBLISH", this.aor, {
      to: this.aor,
      callId: `${randomHex(this.options.random, 6)}@pub`,
      cseq: ++this.#publishCseq,
      headers: `Event: presence\r\nExpires: ${expires}\r\n${before === null ? "" : `SIP-If-Match: ${before.etag}\r\n`}${isRefresh ? "" : "Content-Type: application/pidf+xml\r\n"}`,
      body: isRefresh ? "" : body,
    });
    this.isPublishing = true;
    const { clock } = this.options;
    const sentMs = clock.now();
    this.#ask(text, (response) => {
      this.isPublishing = false;
      if (response?.status === 200) {
        const seconds = Number(response.header(Header.expires) ?? 0);
        const now = clock.now();
        const said = isRefresh && before !== null ? before : { activity, sentMs, answeredMs: now };
        this.publication = seconds === 0 ? null : { ...said, etag: response.header(Header.sipEtag) ?? "", untilMs: now + seconds * 1000 };
      } else if (response?.status === 412) {
        // Lapsed, or its last answer was lost: begin anew (RFC 3903 §4.4).
        this.publication = null;
        this.publish(activity, expires);
      } else if (response !== null) this.complaints.push(`${this.options.user}: PUBLISH was answered ${response.status}`);
    });
  }

  /** A keep-alive (RFC 5626 §3.5.1): how a phone notices that its connection is dead. */
  keepAlive(): void {
    if (this.#registeredBy?.protocol === "tcp") this.#registeredBy.send("\r\n\r\n");
  }

  call(user: string): PhoneCall {
    const { random, domain } = this.options;
    const uri = `sip:${user}@${domain}`;
    const call: PhoneCall = {
      callId: `${randomHex(random, 6)}@${this.options.address}`,
      isCaller: true,
      state: "calling",
      localTag: randomHex(random, 4),
      remoteTag: "",
      localUri: this.aor,
      remoteUri: uri,
      target: uri,
      routes: [],
      cseq: 1,
      transaction: 0,
      invite: null,
      isAcknowledged: false,
      hasProvisional: false,
      wantsCancel: false,
      remoteCseq: -1,
      acknowledgedCseq: -1,
      isHolding: false,
      isHoldUnsure: false,
      isReinviting: false,
    };
    this.calls.set(call.callId, call);
    this.#invite(call, this.#signed(this.#text("INVITE", uri, { to: uri, callId: call.callId, fromTag: call.localTag, cseq: 1, headers: "Content-Type: application/sdp\r\n", body: SDP })), false);
    return call;
  }

  ring(call: PhoneCall): void {
    if (call.invite !== null && call.state === "ringing") this.#respond(call, 180);
  }

  answer(call: PhoneCall): void {
    if (call.invite === null || call.state !== "ringing") return;
    call.state = "talking";
    this.#repeatOk(call, call.invite, 500, 0);
  }

  reject(call: PhoneCall, status: number): void {
    if (call.invite === null || call.state !== "ringing") return;
    this.#respond(call, status);
    call.state = "ended";
  }

  /** Ends a call, however far it is: CANCEL, or BYE. */
  hangUp(call: PhoneCall): void {
    if (call.state === "talking") {
      if (!call.isCaller && !call.isAcknowledged) return;
      call.state = "ended";
      this.#bye(call, 3);
    } else if (call.isCaller && call.state !== "ended") {
      call.wantsCancel = true;
      if (call.hasProvisional) this.#layer.cancel(call.transaction, "");
    }
  }

  /** Puts the other side on hold or takes it back, or says again what it said last (which refreshes the session), by re-INVITE. */
  hold(call: PhoneCall, isHolding: boolean): void {
    if (call.isReinviting || call.state !== "talking" || !this.isPlugged || (!call.isCaller && !call.isAcknowledged)) return;
    const sdp = isHolding ? `${SDP}a=sendonly\r\n` : SDP;
    const text = this.#within(call, "INVITE").replace("Content-Length: 0\r\n\r\n", `Content-Type: application/sdp\r\nContent-Length: ${sdp.length}\r\n\r\n${sdp}`);
    const cseq = call.cseq;
    call.isHoldUnsure = call.isReinviting = true;
    const failed = (): void => {
      call.isReinviting = false;
      // It is not there any more (RFC 3261 §14.1).
      this.hangUp(call);
    };
    const transaction = this.#send(text, { text }, {
      ...deaf,
      onResponse: (_transaction, response) => {
        if (response.status < 200) return;
        call.isReinviting = false;
        if (response.status < 300) {
          this.#sendAck({ ...call, cseq });
          call.isHolding = isHolding;
          if (call.cseq === cseq) call.isHoldUnsure = false;
        } else if (response.status === 481 || response.status === 408) failed();
      },
      onTimeout: failed,
      onUnreachable: () => {
        call.isReinviting = false;
      },
    });
    if (transaction === 0) call.isReinviting = false;
  }

  /** Forgets a call without a word: as after a BYE that nobody ever got. */
  forget(call: PhoneCall): void {
    call.state = "ended";
  }

  /** The phone loses its power: it says nothing any more, to nobody. */
  unplug(): void {
    this.isPlugged = false;
    this.isRegistered = false;
    this.#wheel.close();
    for (const call of this.calls.values()) call.state = "ended";
    this.options.network.crash(this.options.address);
  }

  #onRequest(message: Message, flow: Flow, transaction: TransactionId): void {
    const { method } = message;
    const call = this.calls.get(message.callId);
    if (method === "INVITE" && call === undefined) {
      this.#incoming(message, transaction);
      return;
    }
    if (method === "NOTIFY") {
      this.#notified(message, transaction);
      return;
    }
    const toTag = tagOf(message.header(Header.to));
    if (toTag !== "") this.#withinDialog(message, transaction, call !== undefined && toTag === call.localTag ? call : null);
    else this.#layer.reply(transaction, message, { status: method === "INVITE" ? 482 : 200 }, flow.remoteAddress === "" ? "" : "x");
  }

  /** A request within a dialog, as strictly taken as by the strictest phones: whoever numbers his requests wrongly is refused. */
  #withinDialog(message: Message, transaction: TransactionId, call: PhoneCall | null): void {
    const { method, cseq } = message;
    const { manner } = this.options;
    const reply = (status: number): void => {
      this.#layer.reply(transaction, message, { status }, "");
    };
    if (call?.state !== "talking") {
      // A BYE that comes again, by a server that does not remember the first one.
      reply(call !== null && method === "BYE" ? 200 : 481);
      return;
    }
    if (method === "OPTIONS" && manner === "mute") {
      this.#layer.table.abandon(transaction);
      return;
    }
    if (cseq <= call.remoteCseq) {
      reply(500);
      if (method === "BYE") this.complaints.push(`${this.options.user}: a BYE of ${call.callId} has CSeq ${cseq} after ${call.remoteCseq}`);
      return;
    }
    call.remoteCseq = cseq;
    if (method === "BYE") {
      reply(200);
      call.state = "ended";
    } else if (method === "INVITE") this.#reinvited(message.copy(), transaction, call);
    else reply(method === "OPTIONS" && manner === "refusing" ? 405 : 200);
  }

  #reinvited(invite: Message, transaction: TransactionId, call: PhoneCall): void {
    if (call.isHoldUnsure) {
      // Both have offered something at once (RFC 3261 §14.2).
      this.#layer.reply(transaction, invite, { status: 491 }, "");
      return;
    }
    const isHeld = invite.body.includes("a=sendonly");
    const direction = isHeld ? (call.isHolding ? "inactive" : "recvonly") : call.isHolding ? "sendonly" : "sendrecv";
    const body = `${SDP}a=${direction}\r\n`;
    const repeat = (waitMs: number, spentMs: number): void => {
      if (call.acknowledgedCseq >= invite.cseq || call.state !== "talking" || !this.isPlugged || spentMs > 32_000) return;
      this.#layer.reply(transaction, invite, { status: 200, headers: `Contact: ${this.contact}\r\n`, contentType: "application/sdp", body }, "");
      this.options.clock.after(waitMs, () => {
        repeat(Math.min(waitMs * 2, 4000), spentMs + waitMs);
      });
    };
    repeat(500, 0);
  }

  #incoming(message: Message, transaction: TransactionId): void {
    const invite = message.copy();
    const call: PhoneCall = {
      callId: invite.callId,
      isCaller: false,
      state: "ringing",
      localTag: randomHex(this.options.random, 4),
      remoteTag: tagOf(invite.header(Header.from)),
      localUri: parseNameAddr(invite.header(Header.to) ?? "").uri,
      remoteUri: parseNameAddr(invite.header(Header.from) ?? "").uri,
      target: parseNameAddr(invite.values(Header.contact)[0] ?? "").uri,
      routes: invite.values(Header.recordRoute),
      cseq: 1000,
      transaction,
      invite,
      isAcknowledged: false,
      hasProvisional: false,
      wantsCancel: false,
      remoteCseq: invite.cseq,
      acknowledgedCseq: -1,
      isHolding: false,
      isHoldUnsure: false,
      isReinviting: false,
    };
    this.calls.set(call.callId, call);
    this.#layer.table.setUser(transaction, {
      ...deaf,
      onCancel: () => {
        if (call.state !== "ringing") return;
        call.state = "ended";
        this.#layer.reply(transaction, invite, { status: 487 }, call.localTag);
      },
    });
    this.onRing(call);
  }

  #notified(message: Message, transaction: TransactionId): void {
    const event = (message.header(Header.event) ?? "").split(";")[0] ?? "";
    const found = [...this.#subscriptions].find(([, dialog]) => dialog.callId === message.callId && dialog.event === event);
    if (found === undefined) {
      this.#layer.reply(transaction, message, { status: 481 }, "");
      return;
    }
    const [key, dialog] = found;
    this.#layer.reply(transaction, message, { status: 200 }, "");
    dialog.remoteTag = tagOf(message.header(Header.from));
    const state = this.watched.get(key);
    if (state === undefined) return;
    // An older one that was overtaken changes nothing (RFC 3261 §12.2.2).
    if (message.cseq <= state.cseq) return;
    const version = Number(/version="(\d+)"/.exec(message.body)?.[1] ?? -1);
    if (version !== -1 && version <= state.version) this.complaints.push(`${this.options.user}: version ${version} after ${state.version} of ${key}`);
    this.watched.set(key, { body: message.body, version, cseq: message.cseq, isActive: !(message.header(Header.subscriptionState) ?? "").startsWith("terminated"), count: state.count + 1 });
  }

  #respond(call: PhoneCall, status: number): void {
    const { invite } = call;
    if (invite === null) return;
    this.#layer.reply(call.transaction, invite, { status, headers: `Contact: ${this.contact}\r\n` }, call.localTag);
  }

  #repeatOk(call: PhoneCall, invite: Message, waitMs: number, spentMs: number): void {
    if (call.isAcknowledged || call.state === "ended" || !this.isPlugged) return;
    if (spentMs > 32_000) {
      call.isAcknowledged = true;
      this.hangUp(call);
      return;
    }
    this.#layer.reply(call.transaction, invite, { status: 200, headers: `Contact: ${this.contact}\r\n`, contentType: "application/sdp", body: SDP }, call.localTag);
    this.options.clock.after(waitMs, () => {
      this.#repeatOk(call, invite, Math.min(waitMs * 2, 4000), spentMs + waitMs);
    });
  }

  #invite(call: PhoneCall, text: string, hasCredentials: boolean): void {
    const sent: { text: string } = { text };
    call.hasProvisional = false;
    call.transaction = this.#send(text, sent, {
      ...deaf,
      onResponse: (_transaction, response) => {
        if (response.status < 200) {
          call.hasProvisional = true;
          if (call.wantsCancel) this.#layer.cancel(call.transaction, "");
        } else if (response.status < 300) this.#answered(call, response);
        else if (response.status === 407 && !hasCredentials && !call.wantsCancel) {
          call.cseq++;
          this.#invite(call, this.#withCredentials(text, response), true);
        } else call.state = "ended";
      },
      onTimeout: () => {
        call.state = "ended";
      },
      onUnreachable: () => {
        call.state = "ended";
      },
    });
    if (call.transaction === 0) call.state = "ended";
  }

  #answered(call: PhoneCall, response: Message): void {
    const isFirst = call.remoteTag === "";
    const tag = tagOf(response.header(Header.to));
    const dialog: PhoneCall = isFirst
      ? call
      : { ...call, remoteTag: "" };
    if (isFirst || tag === call.remoteTag) {
      call.remoteTag = tag;
      call.target = parseNameAddr(response.values(Header.contact)[0] ?? "").uri;
      call.routes = response.values(Header.recordRoute).reverse();
      if (call.state !== "ended") call.state = "talking";
    } else {
      // A second branch answered as well: it is acknowledged and ended (RFC 3261 §13.2.2.4).
      dialog.remoteTag = tag;
      dialog.target = parseNameAddr(response.values(Header.contact)[0] ?? "").uri;
      dialog.routes = response.values(Header.recordRoute).reverse();
    }
    const one = isFirst || tag === call.remoteTag ? call : dialog;
    this.#sendAck({ ...one, cseq: response.cseq });
    if (one !== call) this.#bye({ ...one, cseq: one.cseq + 50 }, 3);
    else if (call.wantsCancel) this.hangUp(call);
  }

  /** Says BYE; again on a new connection when nothing was heard: the first may have gone into a dead one. */
  #bye(call: PhoneCall, tries: number): void {
    if (tries === 0 || !this.isPlugged) return;
    this.#ask(this.#within(call, "BYE"), (response) => {
      if (response === null) this.options.clock.after(2000, () => {
        this.#bye(call, tries - 1);
      });
    });
  }

  #sendAck(call: PhoneCall): void {
    if (!this.isPlugged) return;
    const flow = this.#serverFlow();
    const branch = `z9hG4bK${randomHex(this.options.random, 6)}`;
    flow?.send(this.#within(call, "ACK").replace("BRANCH", branch));
  }

  #within(call: PhoneCall, method: string): string {
    if (method !== "ACK") call.cseq++;
    return (
      `${method} ${call.target} SIP/2.0\r\nVia: SIP/2.0/${this.options.protocol.toUpperCase()} ${this.#hostPort};branch=BRANCH;rport\r\n${call.routes.map((route) => `Route: ${route}\r\n`).join("")}Max-Forwards: 70\r\n` +
      `From: <${call.localUri}>;tag=${call.localTag}\r\nTo: <${call.remoteUri}>;tag=${call.remoteTag}\r\nCall-ID: ${call.callId}\r\nCSeq: ${call.cseq} ${method}\r\nContact: ${this.contact}\r\nContent-Length: 0\r\n\r\n`
    );
  }

  #text(method: string, uri: string, parts: { to: string; toTag?: string; callId: string; cseq: number; fromTag?: string; headers?: string; body?: string }): string {
    const { to, toTag = "", callId, cseq, fromTag = randomHex(this.options.random, 4), headers = "", body = "" } = parts;
    return (
      `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/${this.options.protocol.toUpperCase()} ${this.#hostPort};branch=BRANCH;rport\r\nMax-Forwards: 70\r\nFrom: <${this.aor}>;tag=${fromTag}\r\n` +
      `To: <${to}>${toTag === "" ? "" : `;tag=${toTag}`}\r\nCall-ID: ${callId}\r\nCSeq: ${cseq} ${method}\r\nContact: ${this.contact}\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`
    );
  }

  /** Sends a request, answers one challenge, and tells the final response; null when none came. */
  #ask(unsigned: string, done: (response: Message | null) => void, hasCredentials = false): void {
    const text = hasCredentials ? unsigned : this.#signed(unsigned);
    const transaction = this.#send(text, { text }, {
      ...deaf,
      onResponse: (_transaction, response) => {
        if (response.status < 200) return;
        const isChallenge = response.status === 401 || response.status === 407;
        if (isChallenge && (!hasCredentials || response.text.includes("stale=true"))) this.#ask(this.#withCredentials(text, response), done, true);
        else done(response);
      },
      onTimeout: () => {
        done(null);
      },
      onUnreachable: () => {
        done(null);
      },
    });
    if (transaction === 0 && this.isPlugged) this.options.clock.after(0, () => {
      done(null);
    });
  }

  #send(text: string, sent: { text: string }, user: TransactionUser): TransactionId {
    const method = text.slice(0, text.indexOf(" "));
    const transaction = this.#layer.open(method, user);
    const flow = this.#serverFlow();
    if (flow === null) {
      this.#layer.table.abandon(transaction);
      return 0;
    }
    sent.text = text.replace(/branch=[^;]+/, `branch=${this.#layer.table.branch(transaction, this.#layer.serverId, "0")}`);
    return this.#layer.send(transaction, sent.text, flow) ? transaction : 0;
  }

  #serverFlow(): Flow | null {
    const hop: Hop = { protocol: this.options.protocol, address: this.options.server.address, port: this.options.server.port };
    return this.#transports.open(hop);
  }

  #withCredentials(text: string, response: Message): string {
    const header = response.status === 401 ? Header.wwwAuthenticate : Header.proxyAuthenticate;
    const challenges: DigestChallenge[] = [];
    for (let line = response.lineOf(header); line !== -1; line = response.lineOf(header, line)) {
      const one = parseChallenge(response.text.slice(response.valueStart(line), response.valueEnd(line)));
      if (one !== null) challenges.push(one);
    }
    const name = response.status === 401 ? "Authorization" : "Proxy-Authorization";
    this.#answers.set(name, { challenges, uses: 0 });
    return this.#signed(text).replace(/CSeq: (\d+)/, (_, n: string) => `CSeq: ${Number(n) + 1}`);
  }

  /** With credentials for the last challenge that such a request got, as phones do; without when there was none. */
  #signed(text: string): string {
    const method = text.slice(0, text.indexOf(" "));
    const name = method === "REGISTER" ? "Authorization" : "Proxy-Authorization";
    const known = this.#answers.get(name);
    if (known === undefined || method === "BYE") return text;
    const { user } = this.options;
    const request = Message.of(text);
    const answer = digestAnswer({
      challenges: known.challenges,
      method,
      uri: request.requestUri,
      username: user,
      ha1: (algorithm, realm) => ha1Of(algorithm, user, realm, `secret-${user}`),
      cnonce: randomHex(this.options.random, 4),
      nonceCount: ++known.uses,
      body: request.body,
    });
    return text.replace(/(?:Proxy-)?Authorization: [^\r]*\r\n/, "").replace("Content-Length:", `${name}: ${answer ?? ""}\r\nContent-Length:`);
  }
}

const SDP = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

const deaf: TransactionUser = {
  onResponse: () => undefined,
  onTimeout: () => undefined,
  onUnreachable: () => undefined,
  onCancel: () => undefined,
};
