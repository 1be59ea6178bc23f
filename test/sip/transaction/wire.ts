import { keyedHash } from "../../../src/base/keyed-hash.ts";
import { silentLog } from "../../../src/base/log.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { TimerWheel } from "../../../src/base/timer-wheel.ts";
import { Header } from "../../../src/sip/header-name.ts";
import { Message } from "../../../src/sip/message.ts";
import { tagOf } from "../../../src/sip/name-addr.ts";
import { TransactionLayer } from "../../../src/sip/transaction/layer.ts";
import { LoadGate } from "../../../src/sip/transaction/load-gate.ts";
import { standardTimes } from "../../../src/sip/transaction/machine.ts";
import type { TransactionId, TransactionUser } from "../../../src/sip/transaction/user.ts";
import type { Flow, Protocol, Transports } from "../../../src/sip/transport/transport.ts";
import { FakeClock } from "../../sim/fake-clock.ts";
import { simNetwork, type SimNetwork } from "../../sim/network.ts";

/** One message that the peer got, and when, in milliseconds since the start of the test. */
export interface Received {
  readonly atMs: number;
  readonly text: string;
}

/** What a transaction's user was told. */
export interface Told {
  readonly what: "response" | "timeout" | "unreachable" | "cancel";
  readonly status: number;
  readonly atMs: number;
}

const OURS = "10.0.0.1";
const PEERS = "10.0.0.2";
/** One way; small and whole, so that times on the wire are exact. */
const DELAY_MS = 0;

/** A transaction layer at one end of a simulated wire and a peer that only writes down what it gets at the other. */
export class Wire {
  readonly clock = new FakeClock();
  readonly network: SimNetwork;
  readonly wheel: TimerWheel;
  readonly layer: TransactionLayer;
  readonly gate: LoadGate;
  readonly protocol: Protocol;
  readonly got: Received[] = [];
  readonly told: Told[] = [];
  readonly requests: { readonly text: string; readonly transaction: TransactionId }[] = [];
  readonly acks: string[] = [];
  readonly errors: string[] = [];
  readonly closed: string[] = [];
  peer: Transports;
  /** The peer's flow to the layer, made with its first `send` (TCP: the connection). */
  peerFlow: Flow | null = null;
  onRequest: (transaction: TransactionId, message: Message) => void = () => undefined;
  readonly #startMs: number;

  private constructor(protocol: Protocol, transactionsMax: number, seed: number) {
    const random = seededRandom(seed);
    this.gate = new LoadGate({ clock: this.clock, random });
    this.protocol = protocol;
    this.#startMs = this.clock.now();
    this.network = simNetwork({ clock: this.clock, random, delayMs: [DELAY_MS, DELAY_MS] });
    this.wheel = new TimerWheel(this.clock);
    const transports = this.network.transports(OURS, [`udp://${OURS}:5060`, `tcp://${OURS}:5060`]);
    this.layer = new TransactionLayer({
      transports,
      wheel: this.wheel,
      random,
      hash: keyedHash(random.bytes(16)),
      times: standardTimes,
      transactionsMax,
      gate: this.gate,
      log: { ...silentLog, error: (_fields, text) => this.errors.push(text) },
      logsSip: false,
    });
    this.layer.serve({
      onRequest: (message, _via, _flow, transaction) => {
        this.requests.push({ text: message.text, transaction });
        this.layer.table.setUser(transaction, this.user);
        this.onRequest(transaction, message);
      },
      onAck: (message) => this.acks.push(message.text),
    });
    this.ours = transports;
    this.peer = this.network.transports(PEERS, [`udp://${PEERS}:5060`, `udp://${PEERS}:5070`, `tcp://${PEERS}:5060`]);
  }

  readonly ours: Transports;

  static async open(protocol: Protocol, options: { readonly transactionsMax?: number; readonly seed?: number } = {}): Promise<Wire> {
    const wire = new Wire(protocol, options.transactionsMax ?? 1000, options.seed ?? 1);
    await wire.ours.start(wire.layer);
    await wire.peer.start(wire.#listener());
    return wire;
  }

  /** The peer's host is made anew, after it crashed. */
  async reboot(): Promise<void> {
    this.peer = this.network.transports(PEERS, [`udp://${PEERS}:5060`, `udp://${PEERS}:5070`, `tcp://${PEERS}:5060`]);
    this.peerFlow = null;
    await this.peer.start(this.#listener());
  }

  /** The moment, in milliseconds since the start. */
  get nowMs(): number {
    return this.clock.now() - this.#startMs;
  }

  /** Writes down all that it is told. */
  readonly user: TransactionUser = {
    onResponse: (_transaction, response) => this.told.push({ what: "response", status: response.status, atMs: this.nowMs }),
    onTimeout: () => this.told.push({ what: "timeout", status: 0, atMs: this.nowMs }),
    onUnreachable: () => this.told.push({ what: "unreachable", status: 0, atMs: this.nowMs }),
    onCancel: () => this.told.push({ what: "cancel", status: 0, atMs: this.nowMs }),
  };

  /** What was told, short: `180`, `timeout`. */
  get news(): readonly string[] {
    return this.told.map(({ what, status }) => (what === "response" ? String(status) : what));
  }

  /** Our flow to the peer. */
  flow(): Flow {
    const flow = this.ours.open({ protocol: this.protocol, address: PEERS, port: 5060 });
    if (flow === null) throw new Error("no flow to the peer");
    return flow;
  }

  /** We send a request as a client transaction. */
  ask(method: string, callId = "call-1"): { readonly transaction: TransactionId; readonly branch: string; readonly text: string } {
    const transaction = this.layer.open(method, this.user);
    const branch = this.layer.table.branch(transaction, this.layer.serverId, "0");
    const text =
      `${method} sip:bob@${PEERS} SIP/2.0\r\nVia: SIP/2.0/${this.protocol.toUpperCase()} ${OURS}:5060;branch=${branch}\r\nRoute: <sip:${PEERS};lr>\r\nMax-Forwards: 70\r\n` +
      `From: <sip:alice@a.test>;tag=a\r\nTo: <sip:bob@a.test>\r\nCall-ID: ${callId}\r\nCSeq: 7 ${method}\r\nContent-Length: 0\r\n\r\n`;
    this.layer.send(transaction, text, this.flow());
    return { transaction, branch, text };
  }

  /** The peer sends a request. `branch` without magic cookie makes it one of RFC 2543. */
  request(method: string, parts: { readonly branch?: string; readonly sentBy?: string; readonly callId?: string; readonly toTag?: string; readonly cseq?: number; readonly rport?: boolean } = {}): void {
    const { branch = "z9hG4bKone", sentBy = `${PEERS}:5060`, callId = "call-2", toTag = "", cseq = 1, rport = false } = parts;
    this.send(
      `${method} sip:alice@a.test SIP/2.0\r\nVia: SIP/2.0/${this.protocol.toUpperCase()} ${sentBy}${branch === "" ? "" : `;branch=${branch}`}${rport ? ";rport" : ""}\r\nMax-Forwards: 70\r\n` +
        `From: <sip:bob@a.test>;tag=b\r\nTo: <sip:alice@a.test>${toTag === "" ? "" : `;tag=${toTag}`}\r\nCall-ID: ${callId}\r\nCSeq: ${cseq} ${method}\r\nContact: <sip:bob@${PEERS}>\r\nContent-Length: 0\r\n\r\n`,
    );
  }

  /** The peer answers a request of ours. */
  answer(request: string, status: number, parts: { readonly toTag?: string; readonly branch?: string; readonly method?: string } = {}): void {
    const message = Message.of(request);
    const { toTag = "t", branch, method = message.method } = parts;
    const via = message.values(Header.via)[0] ?? "";
    this.send(
      `SIP/2.0 ${status} Some Phrase\r\nVia: ${branch === undefined ? via : via.replace(/branch=[^;]*/, `branch=${branch}`)}\r\nFrom: ${message.header(Header.from) ?? ""}\r\n` +
        `To: ${message.header(Header.to) ?? ""}${status === 100 ? "" : `;tag=${toTag}`}\r\nCall-ID: ${message.callId}\r\nCSeq: ${message.cseq} ${method}\r\nContent-Length: 0\r\n\r\n`,
    );
  }

  /** The peer sends any text. */
  send(text: string): void {
    if (this.peerFlow?.isOpen !== true) this.peerFlow = this.peer.open({ protocol: this.protocol, address: OURS, port: 5060 });
    this.peerFlow?.send(text);
  }

  /** We answer a request that came, by its server transaction. */
  reply(transaction: TransactionId, status: number): void {
    const request = this.requests.find((one) => one.transaction === transaction);
    if (request !== undefined) this.layer.reply(transaction, Message.of(request.text), { status }, "ours");
  }

  /** Lets what is on the wire arrive, without a timer of the layer running: those wait 10 ms at least. */
  settle(): void {
    this.clock.advance(9);
  }

  /** The times at which the peer got a message whose first line has that text. */
  times(text: string): readonly number[] {
    return this.got.filter((one) => (one.text.split("\r\n", 1)[0] ?? "").includes(text)).map((one) => one.atMs);
  }

  /** The tag of the To of the last message that the peer got. */
  get lastToTag(): string {
    return tagOf(Message.of(this.got.at(-1)?.text ?? "").header(Header.to));
  }

  /** What must be left when all timers have passed: nothing. */
  get left(): readonly number[] {
    return [this.layer.table.count, this.layer.table.textCount, this.wheel.count];
  }

  #listener(): Parameters<Transports["start"]>[0] {
    return {
      onMessage: (text, flow) => {
        if (this.protocol !== "udp" && this.peerFlow?.isOpen !== true) this.peerFlow = flow;
        this.got.push({ atMs: this.nowMs, text });
      },
      onClosed: (_flow, why) => this.closed.push(why),
    };
  }
}
