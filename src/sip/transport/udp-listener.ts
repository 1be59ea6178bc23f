import type { ProtocolCounters } from "./counters.ts";
import { OVERSIZED_HEAD_BYTES } from "./limits.ts";
import type { TransportLimits } from "./limits.ts";
import type { LocalAddresses } from "./local-address.ts";
import { isWildcardAddress, unmappedAddress } from "./ip-address.ts";
import { isStun, stunAnswer } from "./stun.ts";
import type { Flow, Listener, TransportHandler } from "./transport.ts";
import type { OnDatagram, UdpSocket } from "./udp.ts";

/** One UDP address we listen on: its peers as interned flows, and what happens to each datagram. */
export interface UdpListener {
  readonly listener: Listener;
  /** What the engine calls. */
  readonly onDatagram: OnDatagram;
  /** The flow to a peer, the same object each time (unless more than `limits.udpFlows` peers came between). */
  flowTo(remoteAddress: string, remotePort: number): Flow;
}

/** What a UDP listener needs. `socket` is asked for at each send: it exists once the engine has bound. */
export interface UdpListenerDeps {
  readonly handler: TransportHandler;
  readonly counters: ProtocolCounters;
  readonly limits: TransportLimits;
  readonly localAddresses: LocalAddresses;
  readonly socket: () => UdpSocket | null;
}

/** Keep-alives (empty, CRLF or NUL datagrams) are swallowed, STUN is answered, the rest is one message each; leading CRLFs are cut off (RFC 3261 §7.5). */
export function udpListener(listener: Listener, deps: UdpListenerDeps): UdpListener {
  const { handler, counters, limits } = deps;
  const flows = new UdpFlowTable(listener, deps);
  const deliver = (text: string, flow: UdpFlow): void => {
    counters.messagesIn++;
    if (text.length > limits.messageBytes) {
      counters.oversized++;
      handler.onOversized?.(text.slice(0, OVERSIZED_HEAD_BYTES), flow);
    } else handler.onMessage(text, flow);
  };
  return {
    listener,
    flowTo: (remoteAddress, remotePort) => flows.to(remoteAddress, remotePort),
    onDatagram(text, remoteAddress, remotePort, localAddress) {
      counters.bytesIn += text.length;
      if (remotePort === 0) return; // forged: nobody can be answered there
      let message = text;
      // Not true for an empty text either: NaN is not above anything.
      if (!(text.charCodeAt(0) > 0x20)) {
        if (isStun(text)) {
          answerStun(text, remoteAddress, remotePort, localAddress, deps);
          return;
        }
        message = withoutLeadingBlank(text);
        if (message === "") return;
      }
      const flow = flows.to(remoteAddress, remotePort);
      if (localAddress !== undefined && localAddress !== "") flow.seenLocalAddress = localAddress;
      deliver(message, flow);
    },
  };
}

function answerStun(text: string, remoteAddress: string, remotePort: number, localAddress: string | undefined, deps: UdpListenerDeps): void {
  const answer = stunAnswer(text, remoteAddress, remotePort);
  if (answer === null) return;
  deps.counters.keepAlives++;
  deps.counters.bytesOut += answer.length;
  deps.socket()?.send(answer, remoteAddress, remotePort, localAddress);
}

const LEADING_BLANK = /^[\r\n\0]+/;

function withoutLeadingBlank(text: string): string {
  return text.replace(LEADING_BLANK, "");
}

/** The way to one UDP peer. Works as long as somebody holds it, whether or not the table still knows it. */
class UdpFlow implements Flow {
  readonly protocol = "udp";
  readonly connection = 0;
  readonly isOpen = true;
  readonly listener: Listener;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Where the peer's latest datagram was sent to, if the engine told; else empty. */
  seenLocalAddress = "";
  readonly #deps: UdpListenerDeps;
  #chosenLocalAddress = "";
  #chosenGeneration = -1;

  constructor(listener: Listener, remoteAddress: string, remotePort: number, deps: UdpListenerDeps) {
    this.listener = listener;
    this.localPort = listener.port;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.#deps = deps;
  }

  get localAddress(): string {
    if (this.seenLocalAddress !== "") return this.seenLocalAddress;
    const { localAddresses } = this.#deps;
    const { generation } = localAddresses;
    if (generation !== this.#chosenGeneration) {
      this.#chosenGeneration = generation;
      this.#chosenLocalAddress = isWildcardAddress(this.listener.address) ? localAddresses.towards(this.remoteAddress) : unmappedAddress(this.listener.address);
    }
    return this.#chosenLocalAddress;
  }

  send(text: string): boolean {
    const { counters, socket } = this.#deps;
    const open = socket();
    if (open === null) return false;
    counters.messagesOut++;
    counters.bytesOut += text.length;
    open.send(text, this.remoteAddress, this.remotePort, this.seenLocalAddress);
    return true;
  }

  close(): void {
    /* a UDP flow has no end */
  }
}

/** Places for the peers heard lately; a power of two. */
const RECENT_SLOTS = 32_768;

/** Peers of one listener in two generations: who is heard moves to the young one; when that is full, the old one is forgotten.
 *  So the longest idle go first. On the message path: those heard lately are found by address and port without making a key. */
class UdpFlowTable {
  #young = new Map<string, UdpFlow>();
  #old = new Map<string, UdpFlow>();
  readonly #recent = Array.from<UdpFlow | null>({ length: RECENT_SLOTS }).fill(null);
  readonly #listener: Listener;
  readonly #deps: UdpListenerDeps;
  readonly #generationSize: number;

  constructor(listener: Listener, deps: UdpListenerDeps) {
    this.#listener = listener;
    this.#deps = deps;
    this.#generationSize = Math.max(1, Math.floor(deps.limits.udpFlows / 2));
  }

  to(remoteAddress: string, remotePort: number): UdpFlow {
    const slot = slotOf(remoteAddress, remotePort);
    const recent = this.#recent[slot] ?? null;
    if (recent !== null && recent.remotePort === remotePort && recent.remoteAddress === remoteAddress) return recent;
    const flow = this.#find(remoteAddress, remotePort);
    this.#recent[slot] = flow;
    return flow;
  }

  #find(remoteAddress: string, remotePort: number): UdpFlow {
    const key = `${remoteAddress}/${String(remotePort)}`;
    const known = this.#young.get(key);
    if (known !== undefined) return known;
    const flow = this.#old.get(key) ?? new UdpFlow(this.#listener, remoteAddress, remotePort, this.#deps);
    if (this.#young.size >= this.#generationSize) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#recent.fill(null); // whoever is still heard has to show up in the young generation
    }
    this.#young.set(key, flow);
    return flow;
  }
}

/** Mixes the port and the end of the address, where neighbours differ. */
function slotOf(address: string, port: number): number {
  const end = address.length;
  return (port ^ (address.charCodeAt(end - 1) * 61) ^ (address.charCodeAt(end - 2) * 1021) ^ (address.charCodeAt(end - 3) * 8191)) & (RECENT_SLOTS - 1);
}
