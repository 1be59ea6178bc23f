import { createRequire } from "node:module";
import { isIPv6 } from "node:net";
import { getSystemErrorName } from "node:util";
import { UnavailableError } from "../../base/errors.ts";
import type { UdpEngine, UdpHandler, UdpSocket } from "./udp.ts";

/** What `native/udp.c` gives; its README is the contract. */
interface Addon {
  readonly version: number;
  readonly sendMax: number;
  readonly receiveMax: number;
  readonly slabBytes: number;
  readonly sources: number;
  readonly destinations: number;
  readonly controlWords: number;
  readonly atOut: number;
  readonly atIn: number;
  /** The socket, or a negative error number. */
  bind(address: string, port: number, isIpv6: boolean, control: Int32Array, slab: Buffer, onBatch: (...texts: string[]) => void, onError: (code: number, count: number) => void): unknown;
  port(socket: unknown): number;
  /** Thousandths of the receive buffer that are taken. */
  backlog(socket: unknown): number;
  source(socket: unknown, at: number, isLocal: boolean): string;
  aim(socket: unknown, place: number, address: string, port: number, localAddress: string): boolean;
  flush(socket: unknown): void;
  close(socket: unknown, onClosed: () => void): void;
}

/** The contract that this file was written for. */
const CONTRACT_VERSION = 2;
/** Where the shared array says how many texts wait in the slab. */
const AT_PENDING = 0;
/** No datagram is longer, whatever the system would take. */
const DATAGRAM_BYTES_MAX = 65_535;

/** UDP in batches, over the addon that `npm run build:native` makes at `addonPath`. Throws UnavailableError when it is not there or does not fit this Node. */
export function nativeUdpEngine(addonPath: string): UdpEngine {
  const addon = loadAddon(addonPath);
  return {
    name: "native",
    bind: (address, port, on) =>
      new Promise((resolve) => {
        resolve(new NativeSocket(addon, address, port, on));
      }),
  };
}

function loadAddon(path: string): Addon {
  let loaded: unknown;
  try {
    loaded = createRequire(import.meta.url)(path);
  } catch (cause) {
    throw new UnavailableError("the native UDP engine is not built", { cause });
  }
  if (!isAddon(loaded)) throw new UnavailableError("the native UDP engine was built from other sources: npm run build:native");
  return loaded;
}

function isAddon(loaded: unknown): loaded is Addon {
  return typeof loaded === "object" && loaded !== null && "version" in loaded && loaded.version === CONTRACT_VERSION;
}

/** One socket. The hot path: no object is made for a datagram but its text; addresses are kept in tables by the places that the addon names. */
class NativeSocket implements UdpSocket {
  readonly port: number;
  readonly #addon: Addon;
  readonly #socket: unknown;
  readonly #on: UdpHandler;
  readonly #control: Int32Array;
  readonly #slab: Buffer;
  #used = 0;
  #wasFull = false;
  #closing: Promise<void> | null = null;
  /** The senders that the addon's places stand for. */
  readonly #remoteAddresses: string[];
  readonly #localAddresses: string[];
  /** The receivers that its other places stand for. */
  readonly #toAddresses: string[];
  readonly #fromAddresses: string[];
  readonly #toPorts: Int32Array;

  constructor(addon: Addon, address: string, port: number, on: UdpHandler) {
    this.#addon = addon;
    this.#on = on;
    this.#control = new Int32Array(addon.controlWords);
    this.#slab = Buffer.allocUnsafeSlow(addon.slabBytes);
    this.#remoteAddresses = texts(addon.sources);
    this.#localAddresses = texts(addon.sources);
    this.#toAddresses = texts(addon.destinations);
    this.#fromAddresses = texts(addon.destinations);
    this.#toPorts = new Int32Array(addon.destinations);
    const socket = addon.bind(
      address,
      port,
      isIPv6(address),
      this.#control,
      this.#slab,
      (...batch) => {
        this.#receive(batch);
      },
      (code, count) => {
        for (let at = 0; at < count; at++) on.error(systemError("send or receive", code));
      },
    );
    if (typeof socket === "number") throw systemError(`bind ${address} port ${String(port)}`, socket);
    this.#socket = socket;
    this.port = addon.port(socket);
  }

  send(text: string, address: string, port: number, localAddress = ""): void {
    const length = text.length;
    if (this.#closing !== null) return;
    if (length > DATAGRAM_BYTES_MAX) {
      this.#on.error(new Error(`a datagram of ${String(length)} bytes is too long`));
      return;
    }
    const addon = this.#addon;
    const control = this.#control;
    const place = this.#placeOf(address, port, localAddress);
    if (place < 0) {
      this.#on.error(new Error(`cannot send to ${address} port ${String(port)}`));
      return;
    }
    let pending = control[AT_PENDING] ?? 0;
    if (pending >= addon.sendMax || (pending > 0 && this.#used + length > addon.slabBytes)) {
      this.#on.beforeLeave();
      addon.flush(this.#socket);
      pending = 0;
    }
    const from = pending === 0 ? 0 : this.#used;
    this.#used = from + this.#slab.write(text, from, length, "latin1");
    control[addon.atOut + 2 * pending] = place;
    control[addon.atOut + 2 * pending + 1] = length;
    control[AT_PENDING] = pending + 1;
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#addon.close(this.#socket, resolve);
    });
    return this.#closing;
  }

  /** The place that stands for a receiver and the address we send from; -1 for one that this socket cannot reach. */
  #placeOf(address: string, port: number, localAddress: string): number {
    const place = placeFor(address, port) & (this.#addon.destinations - 1);
    if (this.#toPorts[place] === port && this.#toAddresses[place] === address && this.#fromAddresses[place] === localAddress) return place;
    // What waits for the place's former owner leaves with it.
    this.#on.beforeLeave();
    if (!this.#addon.aim(this.#socket, place, address, port, localAddress)) return -1;
    this.#toAddresses[place] = address;
    this.#fromAddresses[place] = localAddress;
    this.#toPorts[place] = port;
    return place;
  }

  /** Only a full batch may have left something behind: at other times nothing is asked of the system. */
  #measure(count: number): void {
    const isFull = count === this.#addon.receiveMax;
    if (isFull) this.#on.backlog?.(this.#addon.backlog(this.#socket) / 1000);
    else if (this.#wasFull) this.#on.backlog?.(0);
    this.#wasFull = isFull;
  }

  #receive(batch: readonly string[]): void {
    this.#measure(batch.length);
    const { batch: around } = this.#on;
    around?.begins();
    try {
      this.#handle(batch);
    } finally {
      around?.ends();
    }
  }

  #handle(batch: readonly string[]): void {
    const control = this.#control;
    const { atIn } = this.#addon;
    for (let at = 0; at < batch.length; at++) {
      let source = control[atIn + 2 * at] ?? 0;
      if (source < 0) {
        source = ~source;
        this.#remoteAddresses[source] = this.#addon.source(this.#socket, at, false);
        this.#localAddresses[source] = this.#addon.source(this.#socket, at, true);
      }
      try {
        this.#on.datagram(batch[at] ?? "", this.#remoteAddresses[source] ?? "", control[atIn + 2 * at + 1] ?? 0, this.#localAddresses[source]);
      } catch (error) {
        // As uncaught as it would be without batches, but the rest of the batch is handled first.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    // What was answered leaves when this returns.
    this.#on.beforeLeave();
  }
}

function texts(count: number): string[] {
  return new Array<string>(count).fill("");
}

/** Mixes the port and the end of the address, where neighbours differ. */
function placeFor(address: string, port: number): number {
  const end = address.length;
  return port ^ (address.charCodeAt(end - 1) * 61) ^ (address.charCodeAt(end - 2) * 1021) ^ (address.charCodeAt(end - 3) * 8191);
}

function systemError(what: string, code: number): Error {
  return Object.assign(new Error(`${what}: ${getSystemErrorName(code)}`), { code: getSystemErrorName(code) });
}
