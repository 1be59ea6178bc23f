import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { once } from "node:events";
import { ha1Of } from "../../src/sip/digest/hashes.ts";
import { digestAnswer } from "../../src/sip/digest/answer.ts";
import { parseChallenge, type DigestChallenge } from "../../src/sip/digest/challenge.ts";
import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";
import { parseNameAddr, tagOf } from "../../src/sip/name-addr.ts";

/** How a test phone reaches the server. */
export interface Line {
  readonly user: string;
  readonly domain: string;
  readonly password?: string;
  readonly protocol: "udp" | "tcp" | "tls";
  /** The authority that the server's certificate is checked against, and the name that is asked for (TLS). */
  readonly tls?: { readonly ca: string; readonly name: string };
  readonly server: { readonly address: string; readonly port: number };
  readonly userAgent?: string;
}

/** A dialog as the phone sees it. */
export interface PhoneDialog {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  readonly localUri: string;
  readonly remoteUri: string;
  readonly target: string;
  readonly routes: readonly string[];
  cseq: number;
}

let lastToken = 0;
const WAIT_MS = 15_000;

/** A phone for tests: speaks SIP text over a real socket, shows every message, answers only what its script says. */
export class Phone {
  readonly line: Line;
  /** Everything received, in order. */
  readonly received: Message[] = [];
  readonly sent: string[] = [];
  /** Requests that are answered by themselves: `(request) => response text or null`. */
  onRequest: ((request: Message) => string | null) | null = null;
  #udp: UdpSocket | null = null;
  #tcp: Socket | null = null;
  #rest = "";
  #waiting: { readonly fits: (message: Message) => boolean; readonly done: (message: Message) => void }[] = [];
  #taken = new Set<Message>();
  #port = 0;

  private constructor(line: Line) {
    this.line = line;
  }

  static async open(line: Line): Promise<Phone> {
    const phone = new Phone(line);
    await phone.#connect();
    return phone;
  }

  get address(): string {
    return `${this.line.server.address.includes(":") ? "[::1]" : "127.0.0.1"}:${this.#port}`;
  }

  get aor(): string {
    return `sip:${this.line.user}@${this.line.domain}`;
  }

  get contact(): string {
    return `<sip:${this.line.user}@${this.address}${this.line.protocol === "udp" ? "" : `;transport=${this.line.protocol}`}>`;
  }

  /** Ends the socket; `reconnect` opens another from a new port. */
  async close(): Promise<void> {
    this.#tcp?.destroy();
    if (this.#udp !== null) await new Promise<void>((done) => this.#udp?.close(() => { done(); }));
    this.#udp = null;
    this.#tcp = null;
  }

  async reconnect(): Promise<void> {
    await this.close();
    await this.#connect();
  }

  send(text: string): void {
    this.sent.push(text);
    const bytes = Buffer.from(text, "latin1");
    if (this.#tcp !== null) this.#tcp.write(bytes);
    else this.#udp?.send(bytes, this.line.server.port, this.line.server.address);
  }

  /** The next message that fits and that nobody waited for yet; rejects after 15 s with what came instead. */
  wait(what: string, fits: (message: Message) => boolean): Promise<Message> {
    const earlier = this.received.find((message) => !this.#taken.has(message) && fits(message));
    if (earlier !== undefined) {
      this.#taken.add(earlier);
      return Promise.resolve(earlier);
    }
    return new Promise((done, fail) => {
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((other) => other !== entry);
        fail(new Error(`${this.line.user} waited for ${what}; it received:\n${this.received.map((message) => message.text.split("\r\n")[0]).join("\n")}`));
      }, WAIT_MS);
      const entry = {
        fits,
        done: (message: Message): void => {
          clearTimeout(timer);
          done(message);
        },
      };
      this.#waiting.push(entry);
    });
  }

  response(method: string, status: number, callId?: string): Promise<Message> {
    return this.wait(`${status} to ${method}`, (m) => !m.isRequest && m.method === method && m.status === status && (callId === undefined || m.callId === callId));
  }

  /** The final response to a method; with a CSeq, to this one request only. */
  final(method: string, callId: string, cseq?: number): Promise<Message> {
    return this.wait(`a final answer to ${method}`, (m) => !m.isRequest && m.method === method && m.status >= 200 && m.callId === callId && (cseq === undefined || m.cseq === cseq));
  }

  request(method: string, fits: (message: Message) => boolean = () => true): Promise<Message> {
    return this.wait(`a ${method}`, (m) => m.isRequest && m.method === method && fits(m));
  }

  token(): string {
    return `t${++lastToken}x${process.pid}`;
  }

  via(branch = `z9hG4bK${this.token()}`): string {
    return `Via: SIP/2.0/${this.line.protocol.toUpperCase()} ${this.address};branch=${branch};rport\r\n`;
  }

  /** The text of a request outside a dialog. `headers`: whole lines. */
  text(method: string, uri: string, parts: { to?: string; from?: string; callId?: string; cseq?: number; headers?: string; body?: string; fromTag?: string; contact?: boolean }): string {
    const { to = uri, from = this.aor, callId = `${this.token()}@test`, cseq = 1, headers = "", body = "", fromTag = this.token(), contact = true } = parts;
    return (
      `${method} ${uri} SIP/2.0\r\n${this.via()}Max-Forwards: 70\r\nFrom: <${from}>;tag=${fromTag}\r\nTo: <${to}>\r\nCall-ID: ${callId}\r\nCSeq: ${cseq} ${method}\r\n` +
      `${contact ? `Contact: ${this.contact}\r\n` : ""}${this.line.userAgent === undefined ? "" : `User-Agent: ${this.line.userAgent}\r\n`}${headers}Content-Length: ${body.length}\r\n\r\n${body}`
    );
  }

  /** Sends a request and answers a challenge to it, if one comes; the final response and the text that was answered so. */
  async ask(text: string): Promise<{ final: Message; sent: Message }> {
    const request = Message.of(text);
    this.send(text);
    const first = await this.final(request.method, request.callId, request.cseq);
    const header = first.status === 401 ? Header.wwwAuthenticate : first.status === 407 ? Header.proxyAuthenticate : null;
    if (header === null) return { final: first, sent: request };
    if (request.method === "INVITE") this.send(this.ackOf(request, first));
    const again = this.withCredentials(text, first);
    this.send(again);
    const sent = Message.of(again);
    return { final: await this.final(request.method, request.callId, sent.cseq), sent };
  }

  /** The same request with the next CSeq, a new branch and the answer to a challenge. */
  withCredentials(text: string, challengeResponse: Message, password = this.line.password ?? ""): string {
    const request = Message.of(text);
    const header = challengeResponse.status === 401 ? Header.wwwAuthenticate : Header.proxyAuthenticate;
    const challenges: DigestChallenge[] = [];
    for (let line = challengeResponse.lineOf(header); line !== -1; line = challengeResponse.lineOf(header, line)) {
      const one = parseChallenge(challengeResponse.text.slice(challengeResponse.valueStart(line), challengeResponse.valueEnd(line)));
      if (one !== null) challenges.push(one);
    }
    const answer = digestAnswer({
      challenges,
      method: request.method,
      uri: request.requestUri,
      username: this.line.user,
      ha1: (algorithm, realm) => ha1Of(algorithm, this.line.user, realm, password),
      cnonce: this.token(),
      nonceCount: 1,
      body: request.body,
    });
    const name = challengeResponse.status === 401 ? "Authorization" : "Proxy-Authorization";
    return text
      .replace(/branch=[^;\r]+/, `branch=z9hG4bK${this.token()}`)
      .replace(/CSeq: (\d+)/, (_, n: string) => `CSeq: ${Number(n) + 1}`)
      .replace("Content-Length:", `${name}: ${String(answer)}\r\nContent-Length:`);
  }

  async register(headers = "Expires: 600\r\n", callId?: string, cseq = 1): Promise<Message> {
    const uri = `sip:${this.line.domain}`;
    const { final } = await this.ask(this.text("REGISTER", uri, { to: this.aor, headers, cseq, ...(callId === undefined ? {} : { callId }) }));
    return final;
  }

  /** The ACK of a failure. */
  ackOf(invite: Message, response: Message): string {
    const via = invite.text.slice(invite.lineStart(invite.lineOf(Header.via)), invite.lineEnd(invite.lineOf(Header.via)));
    return `ACK ${invite.requestUri} SIP/2.0\r\n${via}Max-Forwards: 70\r\nFrom: ${invite.header(Header.from) ?? ""}\r\nTo: ${response.header(Header.to) ?? ""}\r\nCall-ID: ${invite.callId}\r\nCSeq: ${invite.cseq} ACK\r\nContent-Length: 0\r\n\r\n`;
  }

  cancelOf(invite: Message, headers = ""): string {
    const via = invite.text.slice(invite.lineStart(invite.lineOf(Header.via)), invite.lineEnd(invite.lineOf(Header.via)));
    return `CANCEL ${invite.requestUri} SIP/2.0\r\n${via}Max-Forwards: 70\r\nFrom: ${invite.header(Header.from) ?? ""}\r\nTo: ${invite.header(Header.to) ?? ""}\r\nCall-ID: ${invite.callId}\r\nCSeq: ${invite.cseq} CANCEL\r\n${headers}Content-Length: 0\r\n\r\n`;
  }

  /** A response to a request: Via, From, To, Call-ID, CSeq and Record-Route taken over. */
  answer(request: Message, status: number, reason: string, parts: { tag?: string; headers?: string; body?: string; contact?: boolean } = {}): string {
    const { tag = "", headers = "", body = "", contact = true } = parts;
    const lines = (id: Parameters<Message["lineOf"]>[0], name: string): string => {
      let text = "";
      for (let line = request.lineOf(id); line !== -1; line = request.lineOf(id, line)) text += `${name}: ${request.text.slice(request.valueStart(line), request.valueEnd(line))}\r\n`;
      return text;
    };
    const to = request.header(Header.to) ?? "";
    return (
      `SIP/2.0 ${status} ${reason}\r\n${lines(Header.via, "Via")}${lines(Header.recordRoute, "Record-Route")}From: ${request.header(Header.from) ?? ""}\r\n` +
      `To: ${to}${tag === "" || tagOf(to) !== "" ? "" : `;tag=${tag}`}\r\nCall-ID: ${request.callId}\r\nCSeq: ${request.header(Header.cseq) ?? ""}\r\n${contact ? `Contact: ${this.contact}\r\n` : ""}${headers}Content-Length: ${body.length}\r\n\r\n${body}`
    );
  }

  /** The caller's dialog after a 2xx (or a 180 with a tag). */
  callerDialog(invite: Message, response: Message): PhoneDialog {
    return {
      callId: invite.callId,
      localTag: tagOf(invite.header(Header.from)),
      remoteTag: tagOf(response.header(Header.to)),
      localUri: parseNameAddr(invite.header(Header.from) ?? "").uri,
      remoteUri: parseNameAddr(response.header(Header.to) ?? "").uri,
      target: parseNameAddr(response.values(Header.contact)[0] ?? "").uri,
      routes: response.values(Header.recordRoute).reverse(),
      cseq: invite.cseq,
    };
  }

  /** The callee's dialog after its own 2xx with that tag. */
  calleeDialog(invite: Message, tag: string): PhoneDialog {
    return {
      callId: invite.callId,
      localTag: tag,
      remoteTag: tagOf(invite.header(Header.from)),
      localUri: parseNameAddr(invite.header(Header.to) ?? "").uri,
      remoteUri: parseNameAddr(invite.header(Header.from) ?? "").uri,
      target: parseNameAddr(invite.values(Header.contact)[0] ?? "").uri,
      routes: invite.values(Header.recordRoute),
      cseq: 100,
    };
  }

  /** A request within a dialog. */
  within(dialog: PhoneDialog, method: string, parts: { headers?: string; body?: string; cseq?: number } = {}): string {
    const { headers = "", body = "" } = parts;
    const cseq = parts.cseq ?? (method === "ACK" ? dialog.cseq : ++dialog.cseq);
    return (
      `${method} ${dialog.target} SIP/2.0\r\n${this.via()}${dialog.routes.map((route) => `Route: ${route}\r\n`).join("")}Max-Forwards: 70\r\n` +
      `From: <${dialog.localUri}>;tag=${dialog.localTag}\r\nTo: <${dialog.remoteUri}>;tag=${dialog.remoteTag}\r\nCall-ID: ${dialog.callId}\r\nCSeq: ${cseq} ${method}\r\nContact: ${this.contact}\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`
    );
  }

  async #connect(): Promise<void> {
    const { protocol, server } = this.line;
    if (protocol !== "udp") {
      const { tls } = this.line;
      const socket = tls === undefined ? connect(server.port, server.address) : connectTls({ port: server.port, host: server.address, ca: tls.ca, servername: tls.name });
      await once(socket, tls === undefined ? "connect" : "secureConnect");
      socket.setNoDelay(true);
      this.#rest = "";
      socket.on("data", (bytes: Buffer) => {
        this.#stream(bytes.toString("latin1"));
      });
      socket.on("error", () => undefined);
      this.#tcp = socket;
      this.#port = socket.localPort ?? 0;
      return;
    }
    const socket = createSocket(server.address.includes(":") ? "udp6" : "udp4");
    socket.on("message", (bytes) => {
      this.#take(bytes.toString("latin1"));
    });
    await new Promise<void>((done) => {
      socket.bind(0, server.address.includes(":") ? "::1" : "127.0.0.1", () => {
        done();
      });
    });
    this.#udp = socket;
    this.#port = socket.address().port;
  }

  #stream(chunk: string): void {
    this.#rest += chunk;
    for (;;) {
      this.#rest = this.#rest.replace(/^(?:\r\n)+/, "");
      const end = this.#rest.indexOf("\r\n\r\n");
      if (end === -1) return;
      const length = Number(/^(?:content-length|l)[ \t]*:[ \t]*(\d+)/im.exec(this.#rest.slice(0, end))?.[1] ?? 0);
      if (this.#rest.length < end + 4 + length) return;
      const text = this.#rest.slice(0, end + 4 + length);
      this.#rest = this.#rest.slice(end + 4 + length);
      this.#take(text);
    }
  }

  #take(text: string): void {
    if (text.trim() === "") return;
    const message = Message.of(text);
    this.received.push(message);
    if (message.isRequest && this.onRequest !== null) {
      const answer = this.onRequest(message);
      if (answer !== null) this.send(answer);
    }
    const index = this.#waiting.findIndex((entry) => entry.fits(message));
    const [entry] = index === -1 ? [] : this.#waiting.splice(index, 1);
    if (entry === undefined) return;
    this.#taken.add(message);
    entry.done(message);
  }
}
