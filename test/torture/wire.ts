import { Framer } from "../../src/sip/transport/framing.ts";
import { defaultTransportLimits } from "../../src/sip/transport/limits.ts";
import { parseListenUrl } from "../../src/sip/transport/listen-option.ts";
import type { Flow, Hop, Listener, Protocol, TransportHandler, Transports } from "../../src/sip/transport/transport.ts";

/** One message that the server sent. */
export interface Sent {
  readonly flow: WireFlow;
  readonly text: string;
}

/** A way to a made-up peer; all that is sent by it is written down by its wire. */
export class WireFlow implements Flow {
  readonly protocol: Protocol;
  readonly listener: Listener;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly connection: number;
  isOpen = true;
  readonly #wire: Wire;

  constructor(wire: Wire, listener: Listener, remoteAddress: string, remotePort: number, connection: number) {
    this.#wire = wire;
    this.protocol = listener.protocol;
    this.listener = listener;
    this.localAddress = listener.address;
    this.localPort = listener.port;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.connection = connection;
  }

  send(text: string): boolean {
    if (!this.isOpen || (this.protocol === "udp" && text.length > 65_507)) return false;
    this.#wire.onSent({ flow: this, text });
    return true;
  }

  close(): void {
    if (this.connection !== 0) this.isOpen = false;
  }
}

/** Transports without sockets: messages are put in by hand, what the server sends is handed to `onSent`. */
export class Wire implements Transports {
  readonly listeners: readonly Listener[];
  onSent: (sent: Sent) => void = () => undefined;
  #handler: TransportHandler | null = null;
  readonly #flows = new Map<string, WireFlow>();
  #connections = 0;

  constructor(urls: readonly string[]) {
    this.listeners = urls.map((url) => {
      const { protocol, address, port } = parseListenUrl(url);
      return { protocol, address, port, network: "default", url };
    });
  }

  start(handler: TransportHandler): Promise<void> {
    this.#handler = handler;
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  open(hop: Hop): WireFlow | null {
    const isV6 = hop.address.includes(":");
    const listener = this.listeners.find((one) => one.protocol === hop.protocol && one.address.includes(":") === isV6);
    return listener === undefined ? null : this.flow(listener, hop.address, hop.port);
  }

  connection(number: number): WireFlow | null {
    for (const flow of this.#flows.values()) if (flow.connection === number && flow.isOpen) return flow;
    return null;
  }

  /** The way between a listener and a peer: the same object each time. */
  flow(listener: Listener, address: string, port: number): WireFlow {
    const key = `${listener.url} ${address} ${port}`;
    const known = this.#flows.get(key);
    if (known?.isOpen === true) return known;
    const flow = new WireFlow(this, listener, address, port, listener.protocol === "udp" ? 0 : ++this.#connections);
    this.#flows.set(key, flow);
    return flow;
  }

  /** A peer of the first listener of that protocol. */
  peer(protocol: Protocol, address: string, port: number): WireFlow {
    const flow = this.open({ protocol, address, port });
    if (flow === null) throw new Error(`no listener for ${protocol}`);
    return flow;
  }

  /** One datagram, or one message that was framed already. */
  receive(text: string, flow: WireFlow): void {
    this.#handler?.onMessage(text, flow);
  }

  /** Bytes of a stream, as a connection would take them: framed, and closed where framing ends. */
  receiveBytes(bytes: string, flow: WireFlow): void {
    const framer = new Framer(
      {
        onFrame: (text) => {
          this.receive(text, flow);
        },
        onPing: () => undefined,
        onBroken: (breakage, text) => {
          if (breakage === "oversized") this.#handler?.onOversized?.(text, flow);
          if (breakage === "unframable") this.receive(text, flow);
          this.close(flow, breakage);
        },
      },
      defaultTransportLimits,
    );
    framer.push(Buffer.from(bytes, "latin1"));
  }

  /** The peer ends its connection. */
  close(flow: WireFlow, why = "the peer ended the connection"): void {
    if (!flow.isOpen || flow.connection === 0) return;
    flow.close();
    this.#handler?.onClosed(flow, why);
  }
}
