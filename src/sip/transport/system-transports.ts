import { isIP } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { UnavailableError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { ConnectionTable } from "./connection-table.ts";
import type { Connection } from "./connection.ts";
import { newTransportCounters } from "./counters.ts";
import type { TransportCounters } from "./counters.ts";
import { bracketedHost, canonicalAddress, isLoopbackAddress, isWildcardAddress } from "./ip-address.ts";
import { defaultTransportLimits } from "./limits.ts";
import type { TransportLimits } from "./limits.ts";
import { parseListenUrl } from "./listen-option.ts";
import type { ListenOption } from "./listen-option.ts";
import { localAddresses } from "./local-address.ts";
import type { AddressSource, LocalAddresses } from "./local-address.ts";
import { acceptStream, connectTcp, listenTcp } from "./tcp.ts";
import type { BoundServer, OnAccepted, StreamDeps } from "./tcp.ts";
import { connectTls, serverContexts, tlsTerminator } from "./tls.ts";
import type { TlsPeerOptions } from "./tls.ts";
import type { Flow, Hop, Listener, TransportHandler, Transports } from "./transport.ts";
import { udpListener } from "./udp-listener.ts";
import type { UdpListener } from "./udp-listener.ts";
import { nodeUdpEngine } from "./udp.ts";
import type { UdpEngine, UdpSocket } from "./udp.ts";
import { webSocketTerminator } from "./websocket.ts";

/** What the transports of a real network are built from. */
export interface SystemTransportsOptions {
  readonly listen: readonly ListenOption[];
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<TransportLimits>;
  /** Towards servers that we connect to with TLS; default: certificates are checked against the system's authorities. */
  readonly tlsPeers?: TlsPeerOptions;
  readonly udpEngine?: UdpEngine;
  /** Called before messages leave: what they acknowledge can be made safe by then. It must cost nothing when there is nothing to do. */
  readonly beforeLeave?: () => void;
  /** Called before a batch of datagrams is handled, and after it: both, whatever happens between. */
  readonly batch?: { readonly begins: () => void; readonly ends: () => void };
  /** The host's addresses, for a test. */
  readonly addresses?: AddressSource;
}

/** Transports over real sockets, with what the metrics want to know. */
export interface SystemTransports extends Transports {
  readonly counters: TransportCounters;
  /** Live connections of all protocols, those being made included. */
  readonly connectionCount: number;
}

const STOP_GRACE_MS = 1_000;
/** Peers whose listener is remembered; beyond them all are looked up anew. */
const FACES_MAX = 50_000;

/** Builds the transports of all listen options; throws ConfigError for a URL or certificate that cannot be used. Sockets open at `start`. */
export function systemTransports(options: SystemTransportsOptions): SystemTransports {
  return new SocketTransports(options);
}

class SocketTransports implements SystemTransports {
  listeners: readonly Listener[];
  readonly counters = newTransportCounters();
  readonly #options: SystemTransportsOptions;
  readonly #limits: TransportLimits;
  readonly #table: ConnectionTable;
  readonly #localAddresses: LocalAddresses;
  readonly #tlsPeers: TlsPeerOptions;
  readonly #servers: BoundServer[] = [];
  readonly #udpSockets: UdpSocket[] = [];
  readonly #beforeLeave: () => void;
  readonly #udp = new Map<Listener, UdpListener>();
  /** Which listener faces an address. */
  readonly #faces = new Map<string, Listener | null>();
  #facesGeneration = -1;
  #handler: TransportHandler | null = null;
  #stopping: Promise<void> | null = null;
  #state: "new" | "running" | "stopped" = "new";

  constructor(options: SystemTransportsOptions) {
    this.#options = options;
    this.#beforeLeave = options.beforeLeave ?? nothing;
    this.#limits = { ...defaultTransportLimits, ...options.limits };
    this.#tlsPeers = options.tlsPeers ?? { verifyPeers: true };
    this.#localAddresses = localAddresses(options.clock, options.addresses);
    this.#table = new ConnectionTable({
      limits: this.#limits,
      counters: this.counters,
      clock: options.clock,
      beforeLeave: this.#beforeLeave,
      onEnded: (flow, why) => this.#handler?.onClosed(flow, why),
      onBacklog: (share) => this.#handler?.onBacklog?.(share),
    });
    this.listeners = options.listen.map((option) => {
      const { protocol, port } = parseListenUrl(option.url);
      if (protocol === "tls" || protocol === "wss") serverContexts(option); // says what is wrong now, not at start
      return listenerOf(option, port);
    });
  }

  get connectionCount(): number {
    return this.#table.size;
  }

  async start(handler: TransportHandler): Promise<void> {
    this.#handler = guarded(handler, this.#options.log);
    this.#state = "running";
    this.#table.startSweeping();
    const bound: Listener[] = [];
    try {
      for (const option of this.#options.listen) bound.push(await this.#listen(option, this.#handler));
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.listeners = bound;
    this.#faces.clear();
  }

  open(wanted: Hop): Flow | null {
    const hop = wanted.address.includes(":") ? { ...wanted, address: canonicalAddress(wanted.address) } : wanted;
    const handler = this.#handler;
    if (this.#state !== "running" || handler === null || !(hop.port > 0 && hop.port <= 65535)) return null;
    const listener = this.#facing(hop);
    if (listener === undefined) return null;
    if (hop.protocol === "udp") return listener === null ? null : (this.#udp.get(listener)?.flowTo(hop.address, hop.port) ?? null);
    const name = hop.host ?? hop.address;
    const known = this.#table.toPeer(hop.protocol, hop.address, hop.port, (one) => this.#isFit(one, hop, name));
    if (known !== null) return known;
    if (listener === null || (hop.protocol !== "tcp" && hop.protocol !== "tls")) return null;
    const localAddress = isWildcardAddress(listener.address) ? this.#localAddresses.towards(hop.address) : listener.address;
    const facts = { protocol: hop.protocol, listener, localAddress, localPort: listener.port, remoteAddress: hop.address, remotePort: hop.port, isIncoming: false };
    const connection = this.#table.add(hop.protocol === "tls" ? { ...facts, checkedName: name } : facts);
    if (connection === null) return null;
    const deps: StreamDeps = { table: this.#table, handler };
    if (hop.protocol === "tls") connectTls(connection, this.#tlsPeers, deps);
    else connectTcp(connection, deps);
    return connection;
  }

  connection(number: number): Flow | null {
    const found = this.#table.byNumber(number);
    return found?.isOpen === true ? found : null;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#state = "stopped";
    for (const server of this.#servers) server.close();
    await this.#table.stop(STOP_GRACE_MS);
    await Promise.all(this.#udpSockets.map((socket) => socket.close()));
  }

  /** A connection may serve a hop when the network fits and, for TLS with a name, when the peer has proved that name. */
  #isFit(connection: Connection, hop: Hop, name: string): boolean {
    if (hop.network !== undefined && connection.listener.network !== hop.network) return false;
    if (hop.protocol !== "tls" || !this.#tlsPeers.verifyPeers) return true;
    if (!connection.isIncoming) return connection.checkedName === name;
    return isIP(name) !== 0 || connection.peerName?.toLowerCase() === name.toLowerCase();
  }

  /** As `#listenerFor`, remembered while the host's addresses stay what they are; undefined when the hop has no IP address. */
  #facing(hop: Hop): Listener | null | undefined {
    const { generation } = this.#localAddresses;
    if (generation !== this.#facesGeneration || this.#faces.size > FACES_MAX) {
      this.#facesGeneration = generation;
      this.#faces.clear();
    }
    // Nearly every hop is UDP in no named network: such a one makes no key.
    const key = hop.protocol === "udp" && hop.network === undefined ? hop.address : `${hop.address} ${hop.protocol} ${hop.network ?? ""}`;
    const known = this.#faces.get(key);
    if (known !== undefined) return known;
    const family = isIP(hop.address);
    if (family === 0) return undefined;
    const listener = this.#listenerFor(hop, family);
    this.#faces.set(key, listener);
    return listener;
  }

  /** The first fitting listener that is bound to a wildcard or to the address that faces the peer; else the first fitting one. */
  #listenerFor(hop: Hop, family: number): Listener | null {
    const isLoopback = isLoopbackAddress(hop.address);
    let first: Listener | null = null;
    let facing = "";
    for (const one of this.listeners) {
      if (one.protocol !== hop.protocol || isIP(one.address) !== family || (hop.network !== undefined && one.network !== hop.network)) continue;
      if (isWildcardAddress(one.address)) return one;
      if (!isLoopback && isLoopbackAddress(one.address)) continue;
      if (facing === "") facing = this.#localAddresses.towards(hop.address);
      if (one.address === facing) return one;
      first ??= one;
    }
    return first;
  }

  async #listen(option: ListenOption, handler: TransportHandler): Promise<Listener> {
    const { protocol, port } = parseListenUrl(option.url);
    if (protocol === "udp") return this.#listenUdp(option, handler);
    // The listener's port is known only once it listens, and connections can come no earlier.
    let accept: OnAccepted | null = null;
    const server = await listenTcp(listenerOf(option, port), {
      table: this.#table,
      counters: this.counters[protocol],
      onAccepted: (socket, admission, peerAddress, peerPort) => accept?.(socket, admission, peerAddress, peerPort),
    });
    this.#servers.push(server);
    const listener = listenerOf(option, server.port);
    accept = this.#acceptor(option, listener, { table: this.#table, handler });
    return listener;
  }

  async #listenUdp(option: ListenOption, handler: TransportHandler): Promise<Listener> {
    const { address, port } = parseListenUrl(option.url);
    const counters = this.counters.udp;
    let socket: UdpSocket | null = null;
    let udp: UdpListener | null = null;
    try {
      socket = await (this.#options.udpEngine ?? nodeUdpEngine).bind(address, port, {
        datagram: (text, remoteAddress, remotePort, localAddress) => udp?.onDatagram(text, remoteAddress, remotePort, localAddress),
        error: () => counters.socketErrors++,
        beforeLeave: this.#beforeLeave,
        ...(this.#options.batch === undefined ? {} : { batch: this.#options.batch }),
        backlog: (share) => {
          handler.onBacklog?.(share);
        },
      });
    } catch (cause) {
      throw new UnavailableError(`cannot listen on ${option.url}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
    const bound = socket;
    this.#udpSockets.push(bound);
    const listener = listenerOf(option, bound.port);
    udp = udpListener(listener, { handler, counters, limits: this.#limits, localAddresses: this.#localAddresses, socket: () => (this.#state === "running" ? bound : null) });
    this.#udp.set(listener, udp);
    return listener;
  }

  #acceptor(option: ListenOption, listener: Listener, deps: StreamDeps): OnAccepted {
    const { protocol, path } = parseListenUrl(option.url);
    if (protocol === "tcp") {
      return (socket, admission, address, port) => {
        admission.settle();
        acceptStream(socket, listener, { address, port }, deps);
      };
    }
    if (protocol === "tls") {
      const tls = tlsTerminator(option, (socket, admission, peer) => {
        admission.settle();
        acceptStream(socket, listener, peer, deps);
      });
      return tls.accept;
    }
    const web = webSocketTerminator(listener, { path, origins: option.origins ?? null }, deps);
    if (protocol === "ws") return (socket, admission, address, port) => web.accept(socket, admission, { address, port });
    return tlsTerminator(option, (socket, admission, peer) => web.accept(socket, admission, peer)).accept;
  }
}

function nothing(): void {
  /* nothing waits to be made safe */
}

function listenerOf(option: ListenOption, port: number): Listener {
  const { protocol, address, path } = parseListenUrl(option.url);
  return { protocol, address, port, network: option.network ?? "default", url: `${protocol}://${bracketedHost(address)}:${String(port)}${path === "/" ? "" : path}` };
}

/** A handler whose failure costs one message, not the server. */
function guarded(handler: TransportHandler, log: Log): TransportHandler {
  const failed = (err: unknown, flow: Flow): void => {
    log.error({ err, peer: `${bracketedHost(flow.remoteAddress)}:${String(flow.remotePort)}`, protocol: flow.protocol }, "handling a message failed");
  };
  return {
    onMessage(text, flow) {
      try {
        handler.onMessage(text, flow);
      } catch (err) {
        failed(err, flow);
      }
    },
    onOversized(head, flow) {
      try {
        handler.onOversized?.(head, flow);
      } catch (err) {
        failed(err, flow);
      }
    },
    onBacklog(share) {
      handler.onBacklog?.(share);
    },
    onClosed(flow, why) {
      try {
        handler.onClosed(flow, why);
      } catch (err) {
        failed(err, flow);
      }
    },
  };
}
