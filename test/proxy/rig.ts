import { aorOf, type Aor } from "../../src/base/ids.ts";
import { keyedHash } from "../../src/base/keyed-hash.ts";
import { silentLog, type Log } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { dialogTable, type DialogTable } from "../../src/dialog/dialog-table.ts";
import { Branch } from "../../src/proxy/branch.ts";
import type { Feature } from "../../src/proxy/feature.ts";
import type { ForkDeps } from "../../src/proxy/fork-request.ts";
import type { Location } from "../../src/proxy/location.ts";
import { nextHops } from "../../src/proxy/next-hop.ts";
import { ownHosts } from "../../src/proxy/own-hosts.ts";
import { pipeline } from "../../src/proxy/pipeline.ts";
import { lateSuccess, proxy } from "../../src/proxy/proxy.ts";
import { recordRoutes } from "../../src/proxy/record-route.ts";
import { RequestContext } from "../../src/proxy/request-context.ts";
import { routeTokens } from "../../src/proxy/route-token.ts";
import { plainTarget, type Target } from "../../src/proxy/target.ts";
import { goOn } from "../../src/proxy/verdict.ts";
import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";
import { tagOf } from "../../src/sip/name-addr.ts";
import type { Resolver } from "../../src/sip/resolver/resolve.ts";
import { targetHealth, type TargetHealth } from "../../src/sip/resolver/target-health.ts";
import { TransactionLayer } from "../../src/sip/transaction/layer.ts";
import { standardTimes } from "../../src/sip/transaction/machine.ts";
import type { Flow, Transports } from "../../src/sip/transport/transport.ts";
import { parseSipUri } from "../../src/sip/uri.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { simNetwork, type SimNetwork } from "../sim/network.ts";

export const SERVER = "10.0.0.1";
export const DOMAIN = "tel.example.test";

/** A user of ours; the rig knows 1xx. */
export const person = (user: string): Aor => aorOf(user, DOMAIN);

/** The device of a user at a host of the network, as its REGISTER would have made it. */
export function device(user: string, host: string, more: Partial<Target> = {}): Target {
  return { ...plainTarget(`sip:${user}@${host}:5060`, person(user)), device: host, ...more };
}

/** The proxy by itself in made-up time: real transactions, dialogs and network, made-up people and features. */
export class Rig {
  readonly clock = new FakeClock();
  readonly network: SimNetwork;
  readonly wheel: TimerWheel;
  readonly layer: TransactionLayer;
  readonly transports: Transports;
  readonly dialogs: DialogTable;
  readonly health: TargetHealth;
  readonly devices = new Map<Aor, readonly Target[]>();
  /** Where a device is when its flow is gone. */
  readonly moved = new Map<string, Target>();
  readonly errors: string[] = [];

  private constructor(parts: RigParts) {
    const { clock } = this;
    const random = seededRandom(parts.seed ?? 1);
    this.network = simNetwork({ clock, random });
    this.transports = this.network.transports(SERVER, [`udp://${SERVER}:5060`, `tcp://${SERVER}:5060`]);
    this.wheel = new TimerWheel(clock);
    const { transports, wheel } = this;
    const log: Log = { ...silentLog, error: (fields, text) => this.errors.push(`${text} ${fields.err instanceof Error ? fields.err.message : ""}`) };
    const hash = keyedHash(random.bytes(16));
    this.layer = new TransactionLayer({ transports, wheel, random, hash, times: standardTimes, transactionsMax: parts.transactionsMax ?? 10_000, log, logsSip: false });
    const { layer } = this;
    const isOwnDomain = (host: string): boolean => host === DOMAIN || host === SERVER;
    const people = { aorOf: (user: string, host: string) => (isOwnDomain(host) && /^1\d\d$/.test(user) ? person(user) : null) };
    const own = ownHosts({ isOwnDomain, listeners: () => transports.listeners });
    const location: Location = {
      targets: (aor) => this.devices.get(aor) ?? [],
      gruuTarget: () => null,
      tempGruuTarget: () => null,
      deviceTarget: (_aor, name) => this.moved.get(name) ?? null,
      deviceOf: () => "",
      flowOfContact: () => null,
    };
    this.health = targetHealth(clock);
    this.dialogs = dialogTable({
      clock,
      wheel,
      random,
      settings: { ageMaxMs: 43_200_000 },
      identify: (text) => {
        const uri = parseSipUri(text);
        return uri?.user == null ? null : people.aorOf(uri.user, uri.host);
      },
      nameOf: () => "",
      log,
    });
    const tokens = routeTokens(hash);
    const fork: ForkDeps = {
      layer,
      transports,
      wheel,
      hops: nextHops({ resolver: parts.resolver ?? addressesOnly, transports, location, server: layer.serverId }),
      health: this.health,
      recordRoutes: recordRoutes(tokens, layer.serverId),
      observer: this.dialogs,
      log,
      realm: DOMAIN,
      timerCMs: 185_000,
      timerKind: wheel.kind((transaction) => {
        const user = layer.table.user(transaction);
        if (user instanceof Branch) user.onRingingTooLong();
      }),
      late: lateSuccess(() => layer),
    };
    const requests = pipeline({ features: [taken, ...(parts.features ?? [])], fork, location, people, own, clock, log });
    layer.serve(proxy({ layer, transports, pipeline: requests, fork, location, own, tokens, hash }));
  }

  static async open(parts: RigParts = {}): Promise<Rig> {
    const rig = new Rig(parts);
    await rig.transports.start(rig.layer);
    return rig;
  }

  /** A host that speaks what its script says. */
  async peer(address: string, protocols: readonly ("udp" | "tcp")[] = ["udp", "tcp"]): Promise<Peer> {
    const transports = this.network.transports(address, protocols.map((protocol) => `${protocol}://${address}:5060`));
    const peer = new Peer(address, transports, this.clock);
    await transports.start(peer);
    return peer;
  }

  /** Lets everything happen that takes no more than a moment, promises included. */
  async settle(ms = 20): Promise<void> {
    await this.clock.advanceAsync(ms);
  }
}

export interface RigParts {
  readonly features?: readonly Feature[];
  readonly resolver?: Resolver;
  readonly transactionsMax?: number;
  readonly seed?: number;
}

/** Takes everyone at his word; who is not of the domain is a stranger. */
const taken: Feature = {
  name: "authentication",
  after: [],
  onRequest(call) {
    const uri = parseSipUri(/<([^>]*)>/.exec(call.message.header(Header.from) ?? "")?.[1] ?? "");
    if (call instanceof RequestContext && uri?.user != null && uri.host === DOMAIN) call.caller = person(uri.user);
    return goOn;
  },
};

const addressesOnly: Resolver = {
  resolve: ({ host, port, transport }) => (/^[\d.]+$/.test(host) ? [{ protocol: transport ?? "udp", address: host, port: port ?? 5060 }] : []),
};

/** One host of the made-up network. */
export class Peer {
  readonly address: string;
  readonly received: Message[] = [];
  /** By which way each came. */
  readonly flows: Flow[] = [];
  readonly closed: string[] = [];
  /** What it answers by itself. */
  script: (request: Message) => string | null = () => null;
  readonly #transports: Transports;
  readonly #clock: FakeClock;
  #count = 0;

  constructor(address: string, transports: Transports, clock: FakeClock) {
    this.address = address;
    this.#transports = transports;
    this.#clock = clock;
  }

  onMessage(text: string, flow: Flow): void {
    const message = Message.of(text);
    this.received.push(message);
    this.flows.push(flow);
    const answer = message.isRequest ? this.script(message) : null;
    if (answer !== null) flow.send(answer);
  }

  onClosed(_flow: Flow, why: string): void {
    this.closed.push(why);
  }

  /** The way to the server. */
  flow(protocol: "udp" | "tcp" = "udp"): Flow {
    const flow = this.#transports.open({ protocol, address: SERVER, port: 5060 });
    if (flow === null) throw new Error("no way to the server");
    return flow;
  }

  send(text: string, protocol: "udp" | "tcp" = "udp"): void {
    this.flow(protocol).send(text);
  }

  /** Sends a request from that user to that URI and gives it as sent. */
  ask(method: string, uri: string, parts: { from?: string; to?: string; headers?: string; protocol?: "udp" | "tcp"; callId?: string; cseq?: number; body?: string } = {}): Message {
    const { from = `sip:100@${DOMAIN}`, to = `<${uri}>`, headers = "", protocol = "udp", callId = `c${++this.#count}@${this.address}`, cseq = 1, body = "" } = parts;
    const text =
      `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/${protocol.toUpperCase()} ${this.address}:5060;branch=z9hG4bK${++this.#count}x${this.address}\r\nMax-Forwards: 70\r\n` +
      `From: <${from}>;tag=f\r\nTo: ${to}\r\nCall-ID: ${callId}\r\nCSeq: ${cseq} ${method}\r\nContact: <sip:x@${this.address}:5060>\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
    this.send(text, protocol);
    return Message.of(text);
  }

  /** CANCEL, or the ACK of a failure. */
  hop(invite: Message, method: "CANCEL" | "ACK", to = invite.header(Header.to) ?? ""): void {
    const via = invite.values(Header.via)[0] ?? "";
    this.send(
      `${method} ${invite.requestUri} SIP/2.0\r\nVia: ${via}\r\nMax-Forwards: 70\r\nFrom: ${invite.header(Header.from) ?? ""}\r\nTo: ${to}\r\nCall-ID: ${invite.callId}\r\nCSeq: ${invite.cseq} ${method}\r\nContent-Length: 0\r\n\r\n`,
      via.includes("TCP") ? "tcp" : "udp",
    );
  }

  /** The text of an answer to a request. */
  answer(request: Message, status: number, parts: { tag?: string; headers?: string } = {}): string {
    const { tag = this.address.replaceAll(".", ""), headers = `Contact: <sip:x@${this.address}:5060>\r\n` } = parts;
    const lines = (id: typeof Header.via | typeof Header.recordRoute, name: string): string => request.values(id).map((value) => `${name}: ${value}\r\n`).join("");
    const to = request.header(Header.to) ?? "";
    return (
      `SIP/2.0 ${status} X\r\n${lines(Header.via, "Via")}${lines(Header.recordRoute, "Record-Route")}From: ${request.header(Header.from) ?? ""}\r\nTo: ${to}${status === 100 || tagOf(to) !== "" ? "" : `;tag=${tag}`}\r\n` +
      `Call-ID: ${request.callId}\r\nCSeq: ${request.header(Header.cseq) ?? ""}\r\n${headers}Content-Length: 0\r\n\r\n`
    );
  }

  /** Answers by the way that the request came by. */
  reply(request: Message, status: number, parts: { tag?: string; headers?: string } = {}): void {
    this.flows[this.received.indexOf(request)]?.send(this.answer(request, status, parts));
  }

  /** The only request of that method so far. */
  got(method: string): Message {
    const all = this.requests(method);
    const [first] = all;
    if (first === undefined || all.length > 1) throw new Error(`${this.address} got ${all.length} ${method} at ${this.#clock.now()}: ${this.received.map((one) => one.text.slice(0, 60)).join(" | ")}`);
    return first;
  }

  requests(method: string): readonly Message[] {
    return this.received.filter((message) => message.isRequest && message.method === method);
  }

  /** Statuses of the responses to that method, in order. */
  statuses(method = "INVITE"): readonly number[] {
    return this.received.filter((message) => !message.isRequest && message.method === method).map((message) => message.status);
  }
}
