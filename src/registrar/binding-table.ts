import type { Clock } from "../base/clock.ts";
import { parseAor, type Aor } from "../base/ids.ts";
import type { KeyedHash } from "../base/keyed-hash.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { Flow } from "../sip/transport/transport.ts";
import { parseSipUri, unescapeUser } from "../sip/uri.ts";
import type { Store, StoredRecord } from "../store/store.ts";
import { AorIndex } from "./aor-index.ts";
import { liveBindings, renewed, sameInstance, type Binding } from "./binding.ts";
import { temporaryGruuId } from "./gruu.ts";
import type { RefreshKey } from "./plain-refresh.ts";
import { hashNumber } from "./short-name.ts";
import { readStoredBindings, readStoredRefresh, storedBindings, type StoredRefresh } from "./stored-bindings.ts";

/** The bindings of one AoR as the table holds them, with the live flows that belong to them. */
export interface Entry {
  readonly aor: Aor;
  /** The most recently registered last; never empty. */
  readonly bindings: readonly Binding[];
  /** The flow of the binding at the same place; null when it has none, or none any more. */
  readonly flows: readonly (Flow | null)[];
  /** What a plain refresh of the binding at the same place looks like; null when there is no such thing. */
  readonly refreshKeys: readonly (RefreshKey | null)[];
}

interface Slot extends Entry {
  bindings: readonly Binding[];
  flows: readonly (Flow | null)[];
  refreshKeys: readonly (RefreshKey | null)[];
  readonly number: number;
  timer: number;
  /** When the timer fires: at the first expiry or before. */
  timerAt: number;
}

const NONE: readonly Binding[] = [];

/** All bindings, in memory and (behind) in the store; expires them. One timer an AoR. The only writer of the store's tables `bindings` and `refreshes`. */
export class BindingTable {
  readonly #wheel: TimerWheel;
  readonly #clock: Clock;
  readonly #store: Store;
  readonly #hash: KeyedHash;
  readonly #onChange: (aor: Aor, isRegistered: boolean) => void;
  readonly #onBindings: (aor: Aor, before: readonly Binding[], now: readonly Binding[]) => void;
  readonly #timerKind: number;
  readonly #entries = new Map<Aor, Slot>();
  readonly #slots: (Slot | null)[] = [];
  readonly #free: number[] = [];
  readonly #byContact = new AorIndex();
  readonly #byConnection = new AorIndex();
  readonly #byInstance = new AorIndex();
  #bindingCount = 0;

  constructor(
    deps: { wheel: TimerWheel; clock: Clock; store: Store; hash: KeyedHash },
    onChange: (aor: Aor, isRegistered: boolean) => void,
    onBindings: (aor: Aor, before: readonly Binding[], now: readonly Binding[]) => void = () => undefined,
  ) {
    this.#wheel = deps.wheel;
    this.#clock = deps.clock;
    this.#store = deps.store;
    this.#hash = deps.hash;
    this.#onChange = onChange;
    this.#onBindings = onBindings;
    this.#timerKind = this.#wheel.kind((slot) => {
      this.#expire(slot);
    });
  }

  /** How many AoRs have bindings. */
  get aorCount(): number {
    return this.#entries.size;
  }

  /** How many bindings there are. */
  get bindingCount(): number {
    return this.#bindingCount;
  }

  /** The AoR's bindings; undefined when it has none. */
  get(aor: Aor): Entry | undefined {
    return this.#entries.get(aor);
  }

  /** All AoRs with bindings. */
  entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  /** Puts these bindings in the place of the AoR's; those that it had keep their flows, new ones get `flow` where it leads back to them. Stored before it returns. */
  replace(aor: Aor, bindings: readonly Binding[], flow: Flow | null): void {
    const before = this.#entries.get(aor)?.bindings ?? NONE;
    this.#put(aor, bindings, flow);
    this.#persist(aor, bindings);
    this.#onBindings(aor, before, bindings);
  }

  /** Renews the binding at that place, which differs in expiry and CSeq alone: it is the most recent one now. Noted for the store before it returns. Hot path. */
  refresh(entry: Entry, at: number, binding: Binding): void {
    const slot = this.#entries.get(entry.aor);
    if (slot === undefined) return;
    if (slot.bindings.length === 1) {
      slot.bindings = [binding];
      this.#arm(slot);
      const refresh: StoredRefresh = [binding.cseq, binding.expiresAt];
      this.#store.put("refreshes", slot.aor, refresh);
      return;
    }
    slot.bindings = [...slot.bindings.slice(0, at), ...slot.bindings.slice(at + 1), binding];
    slot.flows = movedLast(slot.flows, at);
    slot.refreshKeys = movedLast(slot.refreshKeys, at);
    this.#arm(slot);
    this.#persist(slot.aor, slot.bindings);
  }

  /** Remembers what a plain refresh of the AoR's most recent binding looks like. */
  rememberRefresh(aor: Aor, key: RefreshKey): void {
    const slot = this.#entries.get(aor);
    if (slot !== undefined) slot.refreshKeys = slot.refreshKeys.with(-1, key);
  }

  /** A flow that was opened anew for the binding at that place. */
  setFlow(entry: Entry, at: number, flow: Flow): void {
    const slot = this.#entries.get(entry.aor);
    if (slot === undefined) return;
    slot.flows = slot.flows.map((one, place) => (place === at ? flow : one));
    if (flow.connection !== 0) this.#byConnection.add(flow.connection, slot.aor);
  }

  /** Forgets a connection that has ended; its bindings stay. */
  dropFlow(flow: Flow): void {
    if (flow.connection === 0) return;
    for (const aor of [...this.#byConnection.get(flow.connection)]) {
      this.#byConnection.remove(flow.connection, aor);
      const slot = this.#entries.get(aor);
      if (slot !== undefined) slot.flows = slot.flows.map((one) => (one?.connection === flow.connection ? null : one));
    }
  }

  /** The AoRs with a binding at that contact whose flow we keep: by user, host and port. */
  aorsAtContact(uri: string): Iterable<Aor> {
    return this.#byContact.get(this.#contactNumber(uri));
  }

  /** The AoRs with an instance of that temporary GRUU number: one, or none. */
  aorsOfInstance(id: number): Iterable<Aor> {
    return this.#byInstance.get(id);
  }

  /** Reads the store: at start, before the first request. Expired bindings are dropped, and those of AoRs that are not `isKnown` any more. */
  restore(isKnown: (aor: Aor) => boolean): void {
    const nowMs = this.#clock.now();
    const refreshes = new Map([...this.#store.load("refreshes")].map((record) => [record.key, record]));
    // One by one: all at once are a hundred megabytes that nobody needs.
    for (const record of this.#store.load("bindings")) {
      const { key } = record;
      const aor = parseAor(key);
      const bindings = refreshed(readStoredBindings(record.value), record, refreshes.get(key));
      refreshes.delete(key);
      const live = bindings === null ? [] : liveBindings(bindings, nowMs);
      if (aor === null || live.length === 0 || !isKnown(aor)) {
        this.#forget(key);
        continue;
      }
      this.#put(aor, live, null);
      if (live !== bindings) this.#persist(aor, live);
    }
    // Left over from a crash between two records.
    for (const key of refreshes.keys()) this.#store.delete("refreshes", key);
  }

  #put(aor: Aor, bindings: readonly Binding[], flow: Flow | null): void {
    const old = this.#entries.get(aor);
    if (bindings.length === 0) {
      if (old !== undefined) this.#drop(old);
      return;
    }
    if (old === undefined) {
      const slot: Slot = { aor, bindings: [], flows: [], refreshKeys: [], number: this.#free.pop() ?? this.#slots.length, timer: 0, timerAt: 0 };
      this.#slots[slot.number] = slot;
      this.#entries.set(aor, slot);
      this.#set(slot, bindings, flow);
      this.#onChange(aor, true);
    } else this.#set(old, bindings, flow);
  }

  #set(slot: Slot, bindings: readonly Binding[], flow: Flow | null): void {
    const { bindings: before, flows } = slot;
    this.#unindex(slot);
    slot.flows = bindings.map((binding) => {
      const place = before.indexOf(binding);
      return place === -1 ? (binding.origin.reach === "uri" ? null : flow) : (flows[place] ?? null);
    });
    // A REGISTER of a device may end its other bindings: which it would now is not what it was.
    const changed = bindings.filter((binding) => !before.includes(binding)).map((binding) => binding.instance);
    slot.refreshKeys = bindings.map((binding) => (changed.some((instance) => instance !== "" && sameInstance(instance, binding.instance)) ? null : (slot.refreshKeys[before.indexOf(binding)] ?? null)));
    slot.bindings = bindings;
    this.#bindingCount += bindings.length - before.length;
    this.#index(slot);
    this.#arm(slot);
  }

  #drop(slot: Slot): void {
    this.#unindex(slot);
    this.#wheel.stop(slot.timer);
    this.#bindingCount -= slot.bindings.length;
    this.#entries.delete(slot.aor);
    this.#slots[slot.number] = null;
    this.#free.push(slot.number);
    this.#onChange(slot.aor, false);
  }

  #index(slot: Slot): void {
    for (const { origin, uri, instance } of slot.bindings) {
      if (origin.reach !== "uri") this.#byContact.add(this.#contactNumber(uri), slot.aor);
      if (instance !== "") this.#byInstance.add(temporaryGruuId(this.#hash, slot.aor, instance), slot.aor);
    }
    for (const flow of slot.flows) if (flow !== null && flow.connection !== 0) this.#byConnection.add(flow.connection, slot.aor);
  }

  #unindex(slot: Slot): void {
    for (const { origin, uri, instance } of slot.bindings) {
      if (origin.reach !== "uri") this.#byContact.remove(this.#contactNumber(uri), slot.aor);
      if (instance !== "") this.#byInstance.remove(temporaryGruuId(this.#hash, slot.aor, instance), slot.aor);
    }
    for (const flow of slot.flows) if (flow !== null && flow.connection !== 0) this.#byConnection.remove(flow.connection, slot.aor);
  }

  #contactNumber(text: string): number {
    const uri = parseSipUri(text);
    return uri === null ? -1 : hashNumber(this.#hash, `contact ${unescapeUser(uri.user ?? "")}@${uri.host}:${uri.port === 0 ? 5060 : uri.port}`);
  }

  #persist(aor: Aor, bindings: readonly Binding[]): void {
    this.#store.delete("refreshes", aor);
    if (bindings.length === 0) this.#store.delete("bindings", aor);
    else this.#store.put("bindings", aor, storedBindings(bindings));
  }

  #forget(key: string): void {
    this.#store.delete("bindings", key);
    this.#store.delete("refreshes", key);
  }

  /** A later expiry leaves the timer alone: when it fires, it looks again. So a refresh costs no timer. */
  #arm(slot: Slot): void {
    let next = Infinity;
    for (const binding of slot.bindings) next = Math.min(next, binding.expiresAt);
    if (slot.timer !== 0 && slot.timerAt <= next) return;
    this.#wheel.stop(slot.timer);
    slot.timer = this.#wheel.start(this.#timerKind, next - this.#clock.now(), slot.number);
    slot.timerAt = next;
  }

  #expire(number: number): void {
    const slot = this.#slots[number];
    if (slot === undefined || slot === null) return;
    slot.timer = 0;
    const live = liveBindings(slot.bindings, this.#clock.now());
    if (live === slot.bindings) this.#arm(slot);
    else this.replace(slot.aor, live, null);
  }
}

/** What was stored of an AoR, with what a later plain refresh of its only binding has changed. */
function refreshed(bindings: readonly Binding[] | null, stored: StoredRecord, later: StoredRecord | undefined): readonly Binding[] | null {
  const [only] = bindings ?? [];
  if (only === undefined || bindings?.length !== 1 || later === undefined || later.version < stored.version) return bindings;
  const refresh = readStoredRefresh(later.value);
  return refresh === null ? bindings : [renewed(only, ...refresh)];
}

function movedLast<T>(list: readonly T[], at: number): readonly T[] {
  return [...list.slice(0, at), ...list.slice(at + 1), ...list.slice(at, at + 1)];
}
