import type { Aor } from "../base/ids.ts";
import type { KeyedHash } from "../base/keyed-hash.ts";
import type { Target } from "../proxy/target.ts";
import { noEdits } from "../sip/edits.ts";
import type { Flow, Hop } from "../sip/transport/transport.ts";
import { parseSipUri, uriParam, type SipUri } from "../sip/uri.ts";
import { hasUri, requestUriOf, type Binding } from "./binding.ts";
import type { BindingTable, Entry } from "./binding-table.ts";
import { isGruuOf, readTemporaryGruu, temporaryGruuId } from "./gruu.ts";

/** AoRs at one contact that are looked at to find its flow: a PBX may register thousands with the same. */
const aorsPerContactMax = 16;

/** From bindings to where requests go: targets, GRUUs, flows. */
export class Reach {
  readonly #table: BindingTable;
  readonly #hash: KeyedHash;
  readonly #open: (hop: Hop) => Flow | null;

  constructor(table: BindingTable, hash: KeyedHash, open: (hop: Hop) => Flow | null) {
    this.#table = table;
    this.#hash = hash;
    this.#open = open;
  }

  /** One target a device, highest q first, of equal ones the newest first. */
  targets(aor: Aor): readonly Target[] {
    const entry = this.#table.get(aor);
    if (entry === undefined) return NONE;
    if (entry.bindings.length === 1) {
      const only = this.#target(entry, 0);
      return only === null ? NONE : [only];
    }
    const devices = new Set(entry.bindings.map((binding) => binding.device));
    const found: Target[] = [];
    for (const device of devices) {
      const target = this.#newest(entry, (binding) => binding.device === device);
      if (target !== null) found.push(target);
    }
    return found.reverse().sort((a, b) => b.q - a.q);
  }

  /** The newest way to the device with that public GRUU. */
  gruuTarget(aor: Aor, gr: string): Target | null {
    return this.#newest(this.#table.get(aor), (binding) => isGruuOf(binding, gr));
  }

  /** The newest way to the device of that short name. */
  deviceTarget(aor: Aor, device: string): Target | null {
    return device === "" ? null : this.#newest(this.#table.get(aor), (binding) => binding.device === device);
  }

  /** The device of a temporary GRUU's user part, while it is registered under the Call-ID that the GRUU was given for. */
  aorOfTempGruu(user: string): { readonly aor: Aor; readonly device: string } | null {
    const gruu = readTemporaryGruu(this.#hash, user);
    if (gruu === null) return null;
    for (const aor of this.#table.aorsOfInstance(gruu.id)) {
      for (const binding of this.#table.get(aor)?.bindings ?? []) {
        if (binding.instance !== "" && gruu.isOf(binding.callId) && temporaryGruuId(this.#hash, aor, binding.instance) === gruu.id) return { aor, device: binding.device };
      }
    }
    return null;
  }

  /** The device that registered that contact, or else by that flow; empty when there is none. */
  deviceOf(aor: Aor, flow: Flow, contact: string): string {
    const entry = this.#table.get(aor);
    if (entry === undefined) return "";
    const uri = entry.bindings.length === 1 && isOrigin(entry, 0, flow) ? null : parseSipUri(contact);
    let byFlow = "";
    for (let at = entry.bindings.length - 1; at >= 0; at--) {
      const binding = entry.bindings[at];
      if (binding === undefined) continue;
      if (uri !== null && hasUri(binding, contact, uri)) return binding.device;
      if (byFlow === "" && isOrigin(entry, at, flow)) byFlow = binding.device;
    }
    return byFlow;
  }

  /** The flow that leads to the device with that contact URI. Null when there is none, or when users with different ways claim the same contact: then nobody
   *  can draw another's requests to himself by registering his contact. */
  flowOfContact(text: string): Flow | null {
    const uri = parseSipUri(text);
    if (uri === null) return null;
    let found: Flow | null = null;
    let seen = 0;
    for (const aor of this.#table.aorsAtContact(text)) {
      if (++seen > aorsPerContactMax) break;
      const flow = this.#flowAtContact(aor, uri);
      if (flow === null) continue;
      if (found !== null && found !== flow && (found.remoteAddress !== flow.remoteAddress || found.protocol !== flow.protocol)) return null;
      found = flow;
    }
    return found;
  }

  /** True when a request can be sent to that binding now. */
  isReachable(entry: Entry, at: number): boolean {
    return this.#target(entry, at) !== null;
  }

  #flowAtContact(aor: Aor, uri: SipUri): Flow | null {
    const entry = this.#table.get(aor);
    if (entry === undefined) return null;
    for (let at = entry.bindings.length - 1; at >= 0; at--) {
      const other = parseSipUri(entry.bindings[at]?.uri ?? "");
      if (other === null || other.host !== uri.host || portOf(other) !== portOf(uri) || other.user !== uri.user) continue;
      const flow = this.#flow(entry, at);
      if (flow !== null && fits(uri, flow)) return flow;
    }
    return null;
  }

  /** The newest of the bindings that has its flow or needs none; else the newest that may be tried by its URI. */
  #newest(entry: Entry | undefined, isWanted: (binding: Binding) => boolean): Target | null {
    let fallback: Target | null = null;
    if (entry === undefined) return null;
    for (let at = entry.bindings.length - 1; at >= 0; at--) {
      const binding = entry.bindings[at];
      if (binding === undefined || !isWanted(binding)) continue;
      const target = this.#target(entry, at);
      if (target === null) continue;
      if (target.flow !== undefined || binding.origin.reach === "uri") return target;
      fallback ??= target;
    }
    return fallback;
  }

  #target(entry: Entry, at: number): Target | null {
    const binding = entry.bindings[at];
    if (binding === undefined) return null;
    const flow = this.#flow(entry, at);
    if (flow === null && binding.origin.reach === "flow-only") return null;
    const uri = requestUriOf(binding.uri);
    const { path: routes, device, q } = binding;
    return flow === null ? { uri, routes, aor: entry.aor, device, q, edits: noEdits } : { uri, flow, routes, aor: entry.aor, device, q, edits: noEdits };
  }

  /** The binding's flow while it is open; a UDP way is opened again when it is not known (after a restart). */
  #flow(entry: Entry, at: number): Flow | null {
    const flow = entry.flows[at] ?? null;
    if (flow !== null) return flow.isOpen ? flow : null;
    const origin = entry.bindings[at]?.origin;
    if (origin === undefined || origin.protocol !== "udp" || origin.reach === "uri") return null;
    const opened = this.#open({ protocol: "udp", address: origin.address, port: origin.port, network: origin.network });
    if (opened !== null) this.#table.setFlow(entry, at, opened);
    return opened;
  }
}

const NONE: readonly Target[] = [];

/** True when the binding at that place was registered by that flow. */
function isOrigin(entry: Entry, at: number, flow: Flow): boolean {
  const origin = entry.bindings[at]?.origin;
  if (origin === undefined) return false;
  if (flow.connection !== 0) return entry.flows[at] === flow;
  return origin.protocol === "udp" && origin.port === flow.remotePort && origin.address === flow.remoteAddress;
}

/** False when the URI asks for another transport than the flow's. */
function fits(uri: SipUri, flow: Flow): boolean {
  const transport = uriParam(uri, "transport")?.toLowerCase();
  if (transport === undefined) return true;
  if (transport === "ws" || transport === "wss") return flow.protocol === "ws" || flow.protocol === "wss";
  return transport === flow.protocol || (transport === "tcp" && flow.protocol === "tls");
}

function portOf(uri: SipUri): number {
  return uri.port === 0 ? 5060 : uri.port;
}
