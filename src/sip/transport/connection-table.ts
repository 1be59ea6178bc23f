import type { Cancel, Clock } from "../../base/clock.ts";
import { Connection } from "./connection.ts";
import type { ConnectionFacts, ConnectionHost } from "./connection.ts";
import type { TransportCounters } from "./counters.ts";
import type { TransportLimits } from "./limits.ts";
import type { Flow, Listener, Protocol } from "./transport.ts";

/** An accepted socket's place under the limits, held from accept to close; `settle` once it carries messages. */
export interface Admission {
  settle(): void;
  /** Gives the place back; a place that was never settled counts as a failed handshake. */
  release(): void;
}

interface Place extends Admission {
  readonly startedAtMs: number;
  readonly destroy: () => void;
}

/** How often every deadline is looked at. */
export const SWEEP_MS = 500;
/** A round of the event loop that handles messages of streams for so long is as bad as a full receive buffer. */
export const ROUND_MAX_MS = 200;
const ROUND_TELLING_MS = 5;

/** All connections of a server, their numbers, their deadlines, and the limits on new ones. */
export class ConnectionTable implements ConnectionHost {
  readonly limits: TransportLimits;
  sweptAtMs: number;
  readonly beforeLeave: () => void;
  readonly #counters: TransportCounters;
  readonly #clock: Clock;
  readonly #onBacklog: (share: number) => void;
  #roundSinceMs = 0;
  readonly #onEnded: (flow: Flow, why: string) => void;
  readonly #byNumber = new Map<number, Connection>();
  readonly #byPeer = new Map<string, Connection[]>();
  readonly #perAddress = new Map<string, number>();
  readonly #unsettled = new Set<Place>();
  #incoming = 0;
  #outgoing = 0;
  #lastNumber = 0;
  #toFlush: Connection[] = [];
  #cancelSweep: Cancel | null = null;
  #onEmpty: (() => void) | null = null;

  constructor(deps: { readonly limits: TransportLimits; readonly counters: TransportCounters; readonly clock: Clock; readonly beforeLeave: () => void; readonly onBacklog: (share: number) => void; readonly onEnded: (flow: Flow, why: string) => void }) {
    this.limits = deps.limits;
    this.#counters = deps.counters;
    this.#clock = deps.clock;
    this.#onEnded = deps.onEnded;
    this.beforeLeave = deps.beforeLeave;
    this.#onBacklog = deps.onBacklog;
    this.sweptAtMs = deps.clock.now();
  }

  /** How many connections live, those being made included. */
  get size(): number {
    return this.#byNumber.size;
  }

  byNumber(number: number): Connection | null {
    return this.#byNumber.get(number) ?? null;
  }

  /** An open connection to that peer that `isFit` accepts; the newest first. */
  toPeer(protocol: Protocol, address: string, port: number, isFit: (connection: Connection) => boolean): Connection | null {
    return this.#byPeer.get(peerKey(protocol, address, port))?.findLast((one) => one.isReusable && isFit(one)) ?? null;
  }

  /** A place for a socket that was just accepted, or null when a limit says no (which is counted). `destroy` ends the socket when it dawdles. */
  admit(protocol: Protocol, remoteAddress: string, destroy: () => void): Admission | null {
    const ofAddress = this.#perAddress.get(remoteAddress) ?? 0;
    if (this.#incoming >= this.limits.connections || ofAddress >= this.limits.connectionsPerAddress) {
      this.#counters[protocol].connectionsRefused++;
      return null;
    }
    this.#incoming++;
    this.#perAddress.set(remoteAddress, ofAddress + 1);
    let isHeld = true;
    const place: Place = {
      startedAtMs: this.sweptAtMs,
      destroy,
      settle: () => {
        this.#unsettled.delete(place);
      },
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        if (this.#unsettled.delete(place)) this.#counters[protocol].handshakeErrors++;
        this.#incoming--;
        const left = (this.#perAddress.get(remoteAddress) ?? 1) - 1;
        if (left > 0) this.#perAddress.set(remoteAddress, left);
        else this.#perAddress.delete(remoteAddress);
      },
    };
    this.#unsettled.add(place);
    return place;
  }

  /** Makes a connection and its number; null when too many of our own are open. */
  add(facts: Omit<ConnectionFacts, "number">): Connection | null {
    const counters = this.#counters[facts.protocol];
    if (!facts.isIncoming && this.#outgoing >= this.limits.outgoingConnections) {
      counters.connectionsRefused++;
      return null;
    }
    const connection = new Connection({ ...facts, number: ++this.#lastNumber }, this, counters);
    if (!facts.isIncoming) this.#outgoing++;
    counters.connectionsOpen++;
    this.#byNumber.set(connection.connection, connection);
    const key = peerKey(facts.protocol, facts.remoteAddress, facts.remotePort);
    const others = this.#byPeer.get(key);
    if (others === undefined) this.#byPeer.set(key, [connection]);
    else others.push(connection);
    return connection;
  }

  flushSoon(connection: Connection): void {
    if (this.#toFlush.length === 0) {
      this.#roundSinceMs = this.#clock.now();
      setImmediate(this.#flushAll);
    }
    this.#toFlush.push(connection);
  }

  ended(connection: Connection, why: string): void {
    this.#byNumber.delete(connection.connection);
    connection.counters.connectionsOpen--;
    if (!connection.isIncoming) this.#outgoing--;
    const key = peerKey(connection.protocol, connection.remoteAddress, connection.remotePort);
    const others = this.#byPeer.get(key)?.filter((one) => one !== connection) ?? [];
    if (others.length > 0) this.#byPeer.set(key, others);
    else this.#byPeer.delete(key);
    this.#onEnded(connection, why);
    if (this.#byNumber.size === 0) this.#onEmpty?.();
  }

  /** Starts looking at the deadlines. */
  startSweeping(): void {
    this.sweptAtMs = this.#clock.now();
    this.#cancelSweep = this.#clock.after(SWEEP_MS, () => {
      this.sweep();
      this.startSweeping();
    });
  }

  /** Looks at every deadline now. */
  sweep(): void {
    const nowMs = this.#clock.now();
    this.sweptAtMs = nowMs;
    for (const connection of this.#byNumber.values()) connection.sweep(nowMs);
    for (const place of this.#unsettled) {
      if (nowMs - place.startedAtMs < this.limits.handshakeSeconds * 1000) break;
      place.destroy();
    }
  }

  /** Ends all connections; what was queued is given `graceMs` to leave, then they are cut. */
  async stop(graceMs: number): Promise<void> {
    for (const place of this.#unsettled) place.destroy();
    for (const connection of this.#byNumber.values()) connection.endBoth("stopping");
    if (this.#byNumber.size > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(graceMs, resolve);
        this.#onEmpty = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#cancelSweep?.();
    for (const connection of this.#byNumber.values()) connection.cut();
  }

  readonly #flushAll = (): void => {
    const connections = this.#toFlush;
    this.#toFlush = [];
    for (const connection of connections) connection.flush();
    const tookMs = this.#clock.now() - this.#roundSinceMs;
    if (tookMs >= ROUND_TELLING_MS) this.#onBacklog(Math.min(1, tookMs / ROUND_MAX_MS));
  };
}

/** What a connection's flow says of the listener's port and the peer. */
export function incomingFacts(listener: Listener, local: string, remoteAddress: string, remotePort: number): Omit<ConnectionFacts, "number"> {
  return { protocol: listener.protocol, listener, localAddress: local, localPort: listener.port, remoteAddress, remotePort, isIncoming: true };
}

function peerKey(protocol: Protocol, address: string, port: number): string {
  return `${protocol}/${address}/${String(port)}`;
}
