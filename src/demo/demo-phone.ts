import type { Clock } from "../base/clock.ts";
import { keyedHash } from "../base/keyed-hash.ts";
import type { Log } from "../base/log.ts";
import { randomHex, type Random } from "../base/random.ts";
import { TimerWheel } from "../base/timer-wheel.ts";
import { digestAnswer } from "../sip/digest/answer.ts";
import { parseChallenge, type DigestChallenge } from "../sip/digest/challenge.ts";
import { ha1Of } from "../sip/digest/hashes.ts";
import { Header } from "../sip/header-name.ts";
import { Message } from "../sip/message.ts";
import { parseNameAddr, tagOf } from "../sip/name-addr.ts";
import { TransactionLayer } from "../sip/transaction/layer.ts";
import { standardTimes } from "../sip/transaction/machine.ts";
import type { TransactionId, TransactionUser } from "../sip/transaction/user.ts";
import type { Flow, Transports } from "../sip/transport/transport.ts";
import { DemoCall } from "./demo-call.ts";

/** An account that a phone uses. */
export interface Account {
  readonly id: string;
  readonly name: string;
  readonly password: string;
}

/** What a phone is made of; `transports` opens one UDP socket of its own each time. */
export interface DemoPhoneDeps {
  readonly account: Account;
  readonly domain: string;
  readonly server: { readonly address: string; readonly port: number };
  readonly transports: () => Transports;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** How long a binding of a demo's phone lives, and how soon it is renewed: short, so that a broken phone is noticed. */
const REGISTER_SECONDS = 60;
const REGISTER_AGAIN_MS = 40_000;
const SUBSCRIBE_SECONDS = 600;
const SUBSCRIBE_AGAIN_MS = 400_000;
const PUBLISH_SECONDS = 3600;
const PUBLISH_AGAIN_MS = 1_800_000;
const TRANSACTIONS_MAX = 2000;

const deaf: TransactionUser = { onResponse: () => undefined, onTimeout: () => undefined, onUnreachable: () => undefined, onCancel: () => undefined };

/** A phone of the demo: an ordinary SIP user agent over a UDP socket of its own, that registers with digest, watches, publishes and calls. */
export class DemoPhone {
  readonly account: Account;
  /** Calls that have not ended. */
  readonly calls = new Map<string, DemoCall>();
  /** A call rings here. */
  onRing: (call: DemoCall) => void = () => undefined;
  readonly #deps: DemoPhoneDeps;
  #line: { readonly transports: Transports; readonly layer: TransactionLayer; readonly wheel: TimerWheel } | null = null;
  #flow: Flow | null = null;
  readonly #challenges = new Map<string, { readonly challenges: readonly DigestChallenge[]; uses: number }>();
  readonly #registrations = new Map<string, { readonly account: Account; readonly callId: string; cseq: number; cancel: () => void }>();
  readonly #watched = new Map<string, { readonly callId: string; cancel: () => void }>();
  #publication: { etag: string; body: string; cancel: () => void } | null = null;
  #cseq = 1;

  constructor(deps: DemoPhoneDeps) {
    this.#deps = deps;
    this.account = deps.account;
  }

  /** True while it has power. */
  get isPlugged(): boolean {
    return this.#line !== null;
  }

  get aor(): string {
    return this.#aorOf(this.account.id);
  }

  /** Opens its socket. Rejects with UnavailableError. */
  async plug(): Promise<void> {
    const { random, log } = this.#deps;
    const transports = this.#deps.transports();
    const wheel = new TimerWheel(this.#deps.clock);
    const layer = new TransactionLayer({ transports, wheel, random, hash: keyedHash(random.bytes(16)), times: standardTimes, transactionsMax: TRANSACTIONS_MAX, log, logsSip: false });
    layer.serve({
      onRequest: (message, _via, _flow, transaction) => {
        this.#onRequest(message, transaction);
      },
      onAck: (message) => {
        this.calls.get(message.callId)?.acknowledged();
      },
    });
    await transports.start({
      onMessage: (text, flow) => {
        layer.onMessage(text, flow);
      },
      onClosed: (flow, why) => {
        layer.onClosed(flow, why);
      },
    });
    this.#line = { transports, layer, wheel };
    this.#flow = transports.open({ protocol: "udp", ...this.#deps.server });
  }

  /** The power is gone: nobody is told. */
  async unplug(): Promise<void> {
    const line = this.#line;
    this.#line = this.#flow = null;
    for (const { cancel } of [...this.#registrations.values(), ...this.#watched.values()]) cancel();
    this.#publication?.cancel();
    this.#registrations.clear();
    this.#watched.clear();
    this.#publication = null;
    for (const call of [...this.calls.values()]) call.ended();
    line?.wheel.close();
    await line?.transports.stop();
  }

  /** Registers an account (its own, or that of a line that it answers, too), and keeps it registered until `unregister`. */
  register(account: Account = this.account): void {
    const before = this.#registrations.get(account.id);
    before?.cancel();
    const one = before ?? { account, callId: this.#token(), cseq: 0, cancel: () => undefined };
    this.#registrations.set(account.id, one);
    this.#sayRegister(one, REGISTER_SECONDS);
    one.cancel = this.#deps.clock.after(REGISTER_AGAIN_MS, () => {
      this.register(account);
    });
  }

  unregister(account: Account = this.account): void {
    const one = this.#registrations.get(account.id);
    if (one === undefined) return;
    one.cancel();
    this.#registrations.delete(account.id);
    this.#sayRegister(one, 0);
  }

  /** Watches somebody's lamp or presence, and goes on doing so. */
  watch(user: string, event: "dialog" | "presence"): void {
    const key = `${event} ${user}`;
    const callId = this.#token();
    this.#watched.get(key)?.cancel();
    const again = this.#deps.clock.after(SUBSCRIBE_AGAIN_MS, () => {
      this.watch(user, event);
    });
    this.#watched.set(key, { callId, cancel: again });
    const to = this.#aorOf(user);
    this.#ask(this.account, this.#text(this.account, "SUBSCRIBE", to, { to, callId, headers: `Event: ${event}\r\nExpires: ${String(SUBSCRIBE_SECONDS)}\r\n` }), () => undefined);
  }

  /** Says what its owner does, until he says something else; null takes it back. `note` is plain text. */
  publish(state: { readonly activity: string; readonly note: string } | null): void {
    const before = this.#publication;
    before?.cancel();
    const body = state === null ? (before?.body ?? "") : pidf(this.aor, state.activity, state.note);
    const isRemoval = state === null;
    if (isRemoval && before === null) return;
    const match = before === null ? "" : `SIP-If-Match: ${before.etag}\r\n`;
    const text = this.#text(this.account, "PUBLISH", this.aor, {
      to: this.aor,
      headers: `Event: presence\r\nExpires: ${String(isRemoval ? 0 : PUBLISH_SECONDS)}\r\n${match}${isRemoval ? "" : "Content-Type: application/pidf+xml\r\n"}`,
      body: isRemoval ? "" : body,
    });
    this.#publication = null;
    this.#ask(this.account, text, (response) => {
      const etag = response?.header(Header.sipEtag) ?? "";
      if (response?.status !== 200 || isRemoval || etag === "") return;
      const again = this.#deps.clock.after(PUBLISH_AGAIN_MS, () => {
        this.publish(state);
      });
      this.#publication = { etag, body, cancel: again };
    });
  }

  /** Calls somebody of the same domain; `display` is who shows as the caller, default its owner. */
  call(user: string, display = this.account.name): DemoCall {
    const to = this.#aorOf(user);
    const call = new DemoCall(this.#callLine(), { callId: this.#token(), localTag: this.#token(), isCaller: true, localUri: this.aor, remoteUri: to, display });
    this.calls.set(call.callId, call);
    call.invite();
    return call;
  }

  #onRequest(message: Message, transaction: TransactionId): void {
    const layer = this.#line?.layer;
    if (layer === undefined) return;
    const call = this.calls.get(message.callId);
    if (message.method === "NOTIFY") {
      const isKnown = [...this.#watched.values()].some(({ callId }) => callId === message.callId);
      layer.reply(transaction, message, { status: isKnown ? 200 : 481 }, "");
    } else if (message.method === "INVITE" && call === undefined && tagOf(message.header(Header.to)) === "") this.#rings(message.copy(), transaction);
    else if (call === undefined) layer.reply(transaction, message, { status: 481 }, "");
    else call.onRequest(message, transaction);
  }

  #rings(invite: Message, transaction: TransactionId): void {
    const call = new DemoCall(this.#callLine(), {
      callId: invite.callId,
      localTag: this.#token(),
      isCaller: false,
      localUri: parseNameAddr(invite.header(Header.to) ?? "").uri,
      remoteUri: parseNameAddr(invite.header(Header.from) ?? "").uri,
      display: this.account.name,
    });
    this.calls.set(call.callId, call);
    call.incoming(invite, transaction);
    this.onRing(call);
  }

  #callLine(): ConstructorParameters<typeof DemoCall>[0] {
    const { clock } = this.#deps;
    return {
      clock,
      layer: () => this.#line?.layer ?? null,
      contact: () => this.#contact(this.account),
      via: () => this.#via(),
      send: (text, user) => this.#send(text, user),
      signed: (text) => this.#signed(this.account, text),
      challenged: (text, response) => this.#withCredentials(this.account, text, response),
      acknowledge: (text) => this.#flow?.send(text.replace("BRANCH", `z9hG4bK${this.#token()}`)),
      ask: (text) => {
        this.#ask(this.account, text, () => undefined);
      },
      over: (callId) => this.calls.delete(callId),
    };
  }

  #sayRegister(one: { readonly account: Account; readonly callId: string; cseq: number }, seconds: number): void {
    const { account, callId } = one;
    const to = this.#aorOf(account.id);
    one.cseq += 2;
    this.#ask(account, this.#text(account, "REGISTER", `sip:${this.#deps.domain}`, { to, callId, cseq: one.cseq, headers: `Expires: ${String(seconds)}\r\n` }), () => undefined);
  }

  #text(account: Account, method: string, uri: string, parts: { to: string; callId?: string; cseq?: number; headers?: string; body?: string }): string {
    const { to, callId = this.#token(), cseq = (this.#cseq += 2), headers = "", body = "" } = parts;
    return (
      `${method} ${uri} SIP/2.0\r\n${this.#via()}Max-Forwards: 70\r\nFrom: <${this.#aorOf(account.id)}>;tag=${this.#token()}\r\nTo: <${to}>\r\nCall-ID: ${callId}\r\nCSeq: ${String(cseq)} ${method}\r\n` +
      `Contact: ${this.#contact(account)}\r\nUser-Agent: Lamplight-Demo/1.0\r\n${headers}Content-Length: ${String(body.length)}\r\n\r\n${body}`
    );
  }

  /** Sends a request, answers one challenge, and tells the final response; null when none came. */
  #ask(account: Account, unsigned: string, done: (response: Message | null) => void, isSecond = false): void {
    const text = isSecond ? unsigned : this.#signed(account, unsigned);
    const sent = this.#send(text, {
      ...deaf,
      onResponse: (_transaction, response) => {
        if (response.status < 200) return;
        if ((response.status === 401 || response.status === 407) && !isSecond) this.#ask(account, this.#withCredentials(account, text, response), done, true);
        else done(response);
      },
      onTimeout: () => {
        done(null);
      },
    });
    if (sent === 0) done(null);
  }

  #send(text: string, user: TransactionUser): TransactionId {
    const layer = this.#line?.layer;
    if (layer === undefined || this.#flow === null) return 0;
    const transaction = layer.open(text.slice(0, text.indexOf(" ")), user);
    if (transaction === 0) return 0;
    return layer.send(transaction, text.replace("BRANCH", layer.table.branch(transaction, layer.serverId, "0")), this.#flow) ? transaction : 0;
  }

  #withCredentials(account: Account, text: string, response: Message): string {
    const header = response.status === 401 ? Header.wwwAuthenticate : Header.proxyAuthenticate;
    const challenges: DigestChallenge[] = [];
    for (let line = response.lineOf(header); line !== -1; line = response.lineOf(header, line)) {
      const one = parseChallenge(response.text.slice(response.valueStart(line), response.valueEnd(line)));
      if (one !== null) challenges.push(one);
    }
    const name = response.status === 401 ? "Authorization" : "Proxy-Authorization";
    this.#challenges.set(`${name} ${account.id}`, { challenges, uses: 0 });
    return this.#signed(account, text.replace(/CSeq: (\d+)/, (_, cseq: string) => `CSeq: ${String(Number(cseq) + 1)}`));
  }

  /** With credentials for the last challenge that such a request got, as phones do. */
  #signed(account: Account, text: string): string {
    const method = text.slice(0, text.indexOf(" "));
    const name = method === "REGISTER" ? "Authorization" : "Proxy-Authorization";
    const known = this.#challenges.get(`${name} ${account.id}`);
    if (known === undefined) return text;
    const request = Message.of(text);
    const answer = digestAnswer({
      challenges: known.challenges,
      method,
      uri: request.requestUri,
      username: account.id,
      ha1: (algorithm, realm) => ha1Of(algorithm, account.id, realm, account.password),
      cnonce: this.#token(),
      nonceCount: ++known.uses,
      body: request.body,
    });
    return text.replace(/(?:Proxy-)?Authorization: [^\r]*\r\n/, "").replace(/branch=[^;]+/, "branch=BRANCH").replace("Content-Length:", `${name}: ${answer ?? ""}\r\nContent-Length:`);
  }

  #via(): string {
    return `Via: SIP/2.0/UDP ${this.#hostPort()};branch=BRANCH;rport\r\n`;
  }

  #contact(account: Account): string {
    return `<sip:${account.id}@${this.#hostPort()}>`;
  }

  #hostPort(): string {
    const listener = this.#line?.transports.listeners[0];
    return `${listener?.address ?? "127.0.0.1"}:${String(listener?.port ?? 0)}`;
  }

  #aorOf(user: string): string {
    return `sip:${user}@${this.#deps.domain}`;
  }

  #token(): string {
    return randomHex(this.#deps.random, 8);
  }
}

function pidf(entity: string, activity: string, note: string): string {
  const person = activity === "" ? "" : `<dm:person id="p"><rpid:activities><rpid:${activity}/></rpid:activities></dm:person>`;
  return `<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="${entity}"><tuple id="t"><status><basic>open</basic></status>${note === "" ? "" : `<note>${note}</note>`}</tuple>${person}</presence>`;
}
