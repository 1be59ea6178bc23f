import type { Cancel, Clock } from "../../src/base/clock.ts";
import type { Random } from "../../src/base/random.ts";
import type { Flow, Hop, Listener, Protocol, TransportHandler, Transports } from "../../src/sip/transport/transport.ts";
import { parseListenUrl } from "../../src/sip/transport/listen-option.ts";
import { bracketedHost, isWildcardAddress } from "../../src/sip/transport/ip-address.ts";

/** How the network treats what is sent; each chance is 0 to 1 and holds for UDP datagrams only. */
export interface SimConditions {
  readonly loss: number;
  readonly duplicate: number;
  /** The chance that a datagram may overtake or be overtaken; without it each pair of hosts keeps its order. */
  readonly reorder: number;
  /** One way, least and most. */
  readonly delayMs: readonly [number, number];
}

/** What goes over the simulated wire, for tests that watch it. */
export interface SimTraffic {
  readonly protocol: Protocol;
  readonly from: string;
  readonly to: string;
  readonly text: string;
  readonly fate: "sent" | "lost" | "doubled" | "nowhere";
}

/** A network in made-up time: every run with the same random source and the same calls is the same run. */
export interface SimNetwork {
  /** A host with that address that listens on those URLs (`udp://0.0.0.0:5060`; a wildcard means the host's own address; port 0 takes a free one).
   *  A host that was stopped may be made again, with the same address. `beforeLeave` is called before each message of its own leaves. */
  transports(address: string, listen: readonly string[], beforeLeave?: () => void): Transports;
  /** Changes the weather from now on. */
  set(conditions: Partial<SimConditions>): void;
  /** Nothing passes between two hosts (in either direction) until `heal`: datagrams are lost, connections stall, new ones time out. */
  partition(a: string, b: string): void;
  heal(a: string, b: string): void;
  /** Resets every connection between two hosts. */
  cut(a: string, b: string): void;
  /** From now on the host refuses new connections (`false`: takes them again). */
  refuse(address: string, isRefusing?: boolean): void;
  /** From now on the host reads nothing from its connections (`false`: reads again, all that has waited). */
  stall(address: string, isStalled?: boolean): void;
  /** The host is gone without a word: no FIN, no ICMP. Its transports do nothing any more. */
  crash(address: string): void;
  /** Sees all traffic at the moment it is sent. */
  onTraffic: ((traffic: SimTraffic) => void) | null;
  /** Datagrams and stream messages that were sent, and datagrams that were lost, since the start. */
  readonly counts: { readonly sent: number; readonly lost: number };
}


const CONNECT_LIMIT_MS = 2_000;
const BLOCKED_LIMIT_MS = 30_000;
const QUEUE_BYTES = 256 * 1024;
const DATAGRAM_BYTES_MAX = 65_507;
const FIRST_EPHEMERAL_PORT = 32_768;

/** Makes a network without hosts. */
export function simNetwork(options: { readonly clock: Clock; readonly random: Random } & Partial<SimConditions>): SimNetwork {
  return new Network(options);
}

class Network implements SimNetwork {
  readonly clock: Clock;
  onTraffic: ((traffic: SimTraffic) => void) | null = null;
  readonly counts = { sent: 0, lost: 0 };
  readonly #random: Random;
  readonly #hosts = new Map<string, Host>();
  readonly #partitions = new Set<string>();
  readonly #refusing = new Set<string>();
  readonly #stalled = new Set<string>();
  /** The latest arrival that was planned for each ordered pair, so that order holds. */
  readonly #lastArrival = new Map<string, number>();
  #conditions: SimConditions;
  #connections = 0;

  constructor(options: { readonly clock: Clock; readonly random: Random } & Partial<SimConditions>) {
    this.clock = options.clock;
    this.#random = options.random;
    this.#conditions = { loss: options.loss ?? 0, duplicate: options.duplicate ?? 0, reorder: options.reorder ?? 0, delayMs: options.delayMs ?? [1, 1] };
  }

  transports(address: string, listen: readonly string[], beforeLeave: () => void = () => undefined): Transports {
    if (this.#hosts.get(address)?.isAlive === true) throw new Error(`the host ${address} exists already`);
    const host = new Host(this, address, listen, beforeLeave);
    this.#hosts.set(address, host);
    return host;
  }

  set(conditions: Partial<SimConditions>): void {
    this.#conditions = { ...this.#conditions, ...conditions };
  }

  partition(a: string, b: string): void {
    this.#partitions.add(pairKey(a, b));
  }

  heal(a: string, b: string): void {
    this.#partitions.delete(pairKey(a, b));
    this.#wake((flow) => flow.isBetween(a, b));
  }

  cut(a: string, b: string): void {
    for (const host of this.#hosts.values()) {
      for (const flow of host.streams()) if (flow.isBetween(a, b)) this.clock.after(0, () => flow.closed("the connection was reset"));
    }
  }

  refuse(address: string, isRefusing = true): void {
    if (isRefusing) this.#refusing.add(address);
    else this.#refusing.delete(address);
  }

  stall(address: string, isStalled = true): void {
    if (isStalled) {
      this.#stalled.add(address);
      return;
    }
    this.#stalled.delete(address);
    this.#wake((flow) => flow.remoteAddress === address);
  }

  crash(address: string): void {
    this.#hosts.get(address)?.crash();
  }

  host(address: string): Host | null {
    const host = this.#hosts.get(address);
    return host?.isAlive === true ? host : null;
  }

  isRefusing(address: string): boolean {
    return this.#refusing.has(address);
  }

  isReachable(a: string, b: string): boolean {
    return !this.#partitions.has(pairKey(a, b));
  }

  /** True when bytes sent from one host are read by the other. */
  isFlowing(from: string, to: string): boolean {
    return this.isReachable(from, to) && !this.#stalled.has(to) && this.host(to) !== null;
  }

  nextConnection(): number {
    return ++this.#connections;
  }

  /** One datagram: lost, or delivered once or twice. */
  datagram(from: Host, fromPort: number, to: string, toPort: number, text: string): void {
    this.counts.sent++;
    const tell = (fate: SimTraffic["fate"]): void => this.tell("udp", from.address, fromPort, to, toPort, text, fate);
    // Drawn always, so that whether somebody listens does not change the rest of the run.
    const isLost = this.#chance(this.#conditions.loss);
    const isDoubled = this.#chance(this.#conditions.duplicate);
    if (isLost || text.length > DATAGRAM_BYTES_MAX || !this.isReachable(from.address, to)) {
      this.counts.lost++;
      tell("lost");
      return;
    }
    tell(this.host(to) === null ? "nowhere" : isDoubled ? "doubled" : "sent");
    for (let copy = 0; copy < (isDoubled ? 2 : 1); copy++) {
      this.clock.after(this.#datagramDelay(from.address, to), () => this.host(to)?.receive(toPort, from.address, fromPort, text));
    }
  }

  tell(protocol: Protocol, from: string, fromPort: number, to: string, toPort: number, text: string, fate: SimTraffic["fate"]): void {
    this.onTraffic?.({ protocol, from: `${bracketedHost(from)}:${String(fromPort)}`, to: `${bracketedHost(to)}:${String(toPort)}`, text, fate });
  }

  /** A delay for something that must not be overtaken by what is sent later with the same key. */
  orderedDelay(key: string): number {
    const nowMs = this.clock.now();
    const at = Math.max(this.#lastArrival.get(key) ?? 0, nowMs + this.#delay());
    this.#lastArrival.set(key, at);
    return at - nowMs;
  }

  forgetOrder(key: string): void {
    this.#lastArrival.delete(key);
  }

  #datagramDelay(from: string, to: string): number {
    if (!this.#chance(this.#conditions.reorder)) return this.orderedDelay(`udp ${from} ${to}`);
    const [least, most] = this.#conditions.delayMs;
    return this.#delay() + this.#fraction() * (most - least + 1);
  }

  #delay(): number {
    const [least, most] = this.#conditions.delayMs;
    return most > least ? least + this.#fraction() * (most - least) : least;
  }

  #chance(of: number): boolean {
    return this.#fraction() < of;
  }

  #fraction(): number {
    return this.#random.below(1_000_000) / 1_000_000;
  }

  #wake(isFit: (flow: StreamFlow) => boolean): void {
    for (const host of this.#hosts.values()) for (const flow of host.streams()) if (isFit(flow)) flow.pump();
  }
}

class Host implements Transports {
  readonly network: Network;
  readonly address: string;
  readonly listeners: readonly Listener[];
  isAlive = true;
  handler: TransportHandler | null = null;
  readonly beforeLeave: () => void;
  readonly #udpFlows = new Map<string, UdpFlow>();
  readonly #streams = new Map<number, StreamFlow>();
  #nextPort = FIRST_EPHEMERAL_PORT;

  constructor(network: Network, address: string, listen: readonly string[], beforeLeave: () => void) {
    this.network = network;
    this.address = address;
    this.beforeLeave = beforeLeave;
    this.listeners = listen.map((url) => {
      const wanted = parseListenUrl(url);
      if (!isWildcardAddress(wanted.address) && wanted.address !== address) throw new Error(`${url} is not an address of the host ${address}`);
      const port = wanted.port === 0 ? this.freePort() : wanted.port;
      return { protocol: wanted.protocol, address: wanted.address, port, network: "default", url: `${wanted.protocol}://${bracketedHost(wanted.address)}:${String(port)}` };
    });
  }

  start(handler: TransportHandler): Promise<void> {
    this.handler = handler;
    return Promise.resolve();
  }

  open(hop: Hop): Flow | null {
    if (!this.isAlive || this.handler === null || hop.address.includes(":") !== this.address.includes(":")) return null;
    if (!(hop.port > 0 && hop.port <= 65535)) return null;
    const listener = this.listeners.find((one) => one.protocol === hop.protocol && (hop.network === undefined || one.network === hop.network));
    if (hop.protocol === "udp") return listener === undefined ? null : this.#udpFlow(listener, hop.address, hop.port);
    const known = [...this.#streams.values()].findLast((one) => one.isOpen && one.protocol === hop.protocol && one.remoteAddress === hop.address && one.remotePort === hop.port);
    if (known !== undefined) return known;
    if (listener === undefined || hop.protocol === "ws" || hop.protocol === "wss") return null;
    const flow = new StreamFlow(this, listener, { address: hop.address, port: hop.port }, this.freePort());
    this.#streams.set(flow.connection, flow);
    flow.connect();
    return flow;
  }

  connection(number: number): Flow | null {
    const flow = this.#streams.get(number);
    return flow?.isOpen === true ? flow : null;
  }

  stop(): Promise<void> {
    for (const flow of this.streams()) flow.close();
    this.isAlive = false;
    return Promise.resolve();
  }

  crash(): void {
    this.isAlive = false;
    this.handler = null;
    for (const flow of this.streams()) flow.vanish();
  }

  streams(): readonly StreamFlow[] {
    return [...this.#streams.values()];
  }

  forget(flow: StreamFlow): void {
    this.#streams.delete(flow.connection);
  }

  freePort(): number {
    return this.#nextPort++;
  }

  receive(port: number, remoteAddress: string, remotePort: number, text: string): void {
    const listener = this.listeners.find((one) => one.protocol === "udp" && one.port === port);
    if (listener === undefined || this.handler === null || /^[\r\n\0]*$/.test(text)) return;
    this.handler.onMessage(text, this.#udpFlow(listener, remoteAddress, remotePort));
  }

  /** The other end of a new connection, or null when nobody listens there. */
  accept(from: StreamFlow): StreamFlow | null {
    const listener = this.listeners.find((one) => one.protocol === from.protocol && one.port === from.remotePort);
    if (listener === undefined || this.handler === null || this.network.isRefusing(this.address)) return null;
    const flow = new StreamFlow(this, listener, { address: from.host.address, port: from.ownPort }, listener.port);
    this.#streams.set(flow.connection, flow);
    return flow;
  }

  #udpFlow(listener: Listener, remoteAddress: string, remotePort: number): UdpFlow {
    const key = `${String(listener.port)} ${remoteAddress} ${String(remotePort)}`;
    const known = this.#udpFlows.get(key);
    if (known !== undefined) return known;
    const flow = new UdpFlow(this, listener, remoteAddress, remotePort);
    this.#udpFlows.set(key, flow);
    return flow;
  }
}

class UdpFlow implements Flow {
  readonly protocol = "udp";
  readonly connection = 0;
  readonly isOpen = true;
  readonly listener: Listener;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #host: Host;

  constructor(host: Host, listener: Listener, remoteAddress: string, remotePort: number) {
    this.#host = host;
    this.listener = listener;
    this.localAddress = host.address;
    this.localPort = listener.port;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  send(text: string): boolean {
    this.#host.beforeLeave();
    if (!this.#host.isAlive) return false;
    this.#host.network.datagram(this.#host, this.localPort, this.remoteAddress, this.remotePort, text);
    return true;
  }

  close(): void {
    /* a UDP flow has no end */
  }
}

/** One end of a simulated connection: what it sends arrives whole and in order, as long as the other end reads. */
class StreamFlow implements Flow {
  readonly host: Host;
  readonly protocol: Protocol;
  readonly listener: Listener;
  readonly connection: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The port that the other end sees; `localPort` is the listener's. */
  readonly ownPort: number;
  isOpen = true;
  readonly #order: string;
  #peer: StreamFlow | null = null;
  #queue: string[] = [];
  #queuedBytes = 0;
  #cancelLimit: Cancel | null = null;
  #isOver = false;

  constructor(host: Host, listener: Listener, remote: { readonly address: string; readonly port: number }, ownPort: number) {
    this.host = host;
    this.protocol = listener.protocol;
    this.listener = listener;
    this.connection = host.network.nextConnection();
    this.localAddress = host.address;
    this.localPort = listener.port;
    this.remoteAddress = remote.address;
    this.remotePort = remote.port;
    this.ownPort = ownPort;
    this.#order = `connection ${String(this.connection)}`;
  }

  send(text: string): boolean {
    this.host.beforeLeave();
    if (!this.isOpen || this.#queuedBytes + text.length > QUEUE_BYTES) return false;
    this.#queue.push(text);
    this.#queuedBytes += text.length;
    this.pump();
    return true;
  }

  close(): void {
    if (!this.isOpen) return;
    this.#end();
    this.host.network.clock.after(0, () => this.closed("closed by us"));
  }

  isBetween(a: string, b: string): boolean {
    return (this.host.address === a && this.remoteAddress === b) || (this.host.address === b && this.remoteAddress === a);
  }

  /** The three-way handshake: one delay there, one back. */
  connect(): void {
    const { network } = this.host;
    this.#cancelLimit = network.clock.after(CONNECT_LIMIT_MS, () => this.closed("no connection within the time limit"));
    network.clock.after(network.orderedDelay(this.#order), () => {
      const host = network.host(this.remoteAddress);
      if (!this.isOpen || host === null || !network.isReachable(this.host.address, this.remoteAddress)) return;
      const peer = host.accept(this);
      if (peer !== null) peer.#peer = this;
      network.clock.after(network.orderedDelay(this.#order), () => {
        if (peer === null) this.closed("connect ECONNREFUSED");
        else if (this.isOpen) {
          this.#cancelLimit?.();
          this.#cancelLimit = null;
          this.#peer = peer;
          this.pump();
        } else peer.closed("the connection was reset");
      });
    });
  }

  /** Sends what waits, if the other end reads; else looks again when it does, and gives up after 30 s. */
  pump(): void {
    const { network, address } = this.host;
    const peer = this.#peer;
    if (peer === null || this.#queue.length === 0) return;
    if (!network.isFlowing(address, this.remoteAddress)) {
      this.#cancelLimit ??= network.clock.after(BLOCKED_LIMIT_MS, () => this.closed("the peer does not read"));
      return;
    }
    this.#cancelLimit?.();
    this.#cancelLimit = null;
    const texts = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const text of texts) {
      network.counts.sent++;
      network.tell(this.protocol, address, this.ownPort, this.remoteAddress, this.remotePort, text, "sent");
      network.clock.after(network.orderedDelay(this.#order), () => {
        // The other end may have closed meanwhile: then the bytes are lost. A host that came back after a crash knows no such connection: it resets it.
        if (!peer.isOpen) {
          if (!peer.host.isAlive && network.host(this.remoteAddress) !== null) this.closed("the connection was reset");
        } else if (!/^[\r\n]*$/.test(text)) peer.host.handler?.onMessage(text, peer);
      });
    }
  }

  /** The connection is over at this end; told once. */
  closed(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.isOpen) this.#end();
    this.host.forget(this);
    this.host.handler?.onClosed(this, why);
  }

  /** The host is gone: nothing is told to anybody. */
  vanish(): void {
    this.#isOver = true;
    this.isOpen = false;
    this.#cancelLimit?.();
    this.host.forget(this);
  }

  /** Takes nothing more, and lets the other end know in order. */
  #end(): void {
    this.isOpen = false;
    this.#cancelLimit?.();
    this.#queue = [];
    const { network } = this.host;
    const peer = this.#peer;
    if (peer !== null && network.isReachable(this.host.address, this.remoteAddress)) {
      network.clock.after(network.orderedDelay(this.#order), () => peer.closed("the peer ended the connection"));
    }
    network.forgetOrder(this.#order);
  }
}

function pairKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
