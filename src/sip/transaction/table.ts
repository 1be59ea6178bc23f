import type { Random } from "../../base/random.ts";
import { grown, type TimerWheel } from "../../base/timer-wheel.ts";
import type { Flow } from "../transport/transport.ts";
import type { TwoLanes } from "../via-key.ts";
import { formatBranch, type Branch } from "./branch.ts";
import { Action, Event, lingerMs, Machine, nextIntervalMs, State, transition, type BaseTimes, type EventId, type MachineId } from "./machine.ts";
import { KeyIndex } from "./key-index.ts";
import { TextStore } from "./text-store.ts";
import type { TransactionId, TransactionUser } from "./user.ts";

// Hot path: a transaction is a slot in a typed array, with a free list and a generation. Handles hold both, so that a stale one touches nothing.

const SLOT_BITS = 20;
const SLOTS_MAX = 1 << SLOT_BITS;

// A cell: sixteen words, the first eight of them four doubles (handles and timers go beyond 32 bits).
const CELL = 16;
const DOUBLES = CELL / 2;
const RETRANSMIT_TIMER = 0;
const END_TIMER = 1;
const PEER = 2;
const CANCEL = 3;
const GENERATION = 8;
const COOKIE = 9;
const NEXT = 10;
const LAST_TEXT = 11;
const REQUEST_TEXT = 12;
const MACHINE = 13;
const STATE = 14;
const INTERVAL = 15;
const IS_LINGERING = NEXT; // one that lives is in no free list

/** All transactions of the server: their states, timers and retransmissions. It knows no message: keys are hashes, texts are text. */
export class TransactionTable {
  /** Where each transaction's messages leave. A null flow means that it is not known (yet). */
  readonly flows: (Flow | null)[] = [];
  readonly #users: (TransactionUser | null)[] = [];
  readonly #wheel: TimerWheel;
  readonly #random: Random;
  readonly #times: BaseTimes;
  readonly #max: number;
  readonly #texts = new TextStore();
  readonly #tell: (user: TransactionUser, transaction: TransactionId, event: EventId) => void;
  readonly #retransmitKind: number;
  readonly #timeoutKind: number;
  #capacity = 1024;
  /** All of a transaction lies side by side: when it ends, half a minute after it began, it is far from the processor. */
  #words = new Int32Array(this.#capacity * CELL);
  /** The same memory, seen as doubles. */
  #doubles = new Float64Array(this.#words.buffer);
  readonly #keys: KeyIndex;
  #free = 0;
  #used = 1;
  #count = 0;
  /** The newest server transaction and its request, while its message is being handled. */
  #unkeptSlot = 0;
  #unkept = "";
  /** Counts what was sent again, for metrics. */
  retransmissions = 0;

  constructor(deps: {
    readonly wheel: TimerWheel;
    readonly random: Random;
    readonly times: BaseTimes;
    readonly transactionsMax: number;
    /** Called where a row says `tell`. */
    readonly tell: (user: TransactionUser, transaction: TransactionId, event: EventId) => void;
  }) {
    this.#wheel = deps.wheel;
    this.#tell = deps.tell;
    this.#random = deps.random;
    this.#keys = new KeyIndex(this.#capacity, deps.random);
    this.#times = deps.times;
    this.#max = Math.min(deps.transactionsMax, SLOTS_MAX - 1);
    this.#retransmitKind = deps.wheel.kind((id) => {
      this.#timer(id, Event.retransmit);
    });
    this.#timeoutKind = deps.wheel.kind((id) => {
      const slot = this.#slot(id);
      if (slot !== 0) this.#timer(id, this.#words[slot * CELL + IS_LINGERING] === 1 ? Event.linger : Event.timeout);
    });
  }

  /** How many transactions live. */
  get count(): number {
    return this.#count;
  }

  /** How many texts are kept for them. */
  get textCount(): number {
    return this.#texts.count;
  }

  /** Bytes taken for kept texts. */
  get textBytes(): number {
    return this.#texts.bytes;
  }

  /** The server transaction of that key (RFC 3261 §17.2.3, as a hash), or 0. */
  find(key: TwoLanes): TransactionId {
    const slot = this.#keys.find(key);
    return slot === 0 ? 0 : this.#id(slot);
  }

  /** A new server transaction; 0 when the table is full. `request` is known until the final response, beyond the handling of its message if `keepRequest` follows that. */
  openServer(machine: MachineId, key: TwoLanes, flow: Flow, request: string, user: TransactionUser | null): TransactionId {
    const slot = this.#take();
    if (slot === 0) return 0;
    this.#words[slot * CELL + MACHINE] = machine;
    this.#words[slot * CELL + STATE] = machine === Machine.inviteServer ? State.proceeding : State.trying;
    this.flows[slot] = flow;
    this.#users[slot] = user;
    this.#words[slot * CELL + REQUEST_TEXT] = 0;
    this.#unkeptSlot = slot;
    this.#unkept = request;
    this.#keys.add(slot, key);
    return this.#id(slot);
  }

  /** The newest server transaction was not answered at once: its request is kept. Most are, and never need be. */
  keepRequest(): void {
    const slot = this.#unkeptSlot;
    if (slot === 0) return;
    this.#words[slot * CELL + REQUEST_TEXT] = this.#texts.keep(this.#unkept);
    this.#unkeptSlot = 0;
  }

  /** Reserves a client transaction, so that its branch can stand in the request; 0 when the table is full.
   *  `start` sends it; one that is never started is given back with `abandon`. */
  openClient(machine: MachineId, user: TransactionUser): TransactionId {
    const slot = this.#take();
    if (slot === 0) return 0;
    this.#words[slot * CELL + MACHINE] = machine;
    this.#words[slot * CELL + STATE] = State.trying;
    this.#words[slot * CELL + COOKIE] = this.#random.word();
    this.flows[slot] = null;
    this.#users[slot] = user;
    return this.#id(slot);
  }

  /** The branch of a client transaction. */
  branch(transaction: TransactionId, server: string, loop: string): string {
    const slot = this.#slot(transaction);
    return formatBranch(server, slot, this.#generation(slot), this.#words[slot * CELL + COOKIE] ?? 0, loop);
  }

  /** The live client transaction of a branch, or 0. */
  findClient(branch: Branch): TransactionId {
    const { slot, generation, cookie } = branch;
    if (slot <= 0 || slot >= this.#used || this.#words[slot * CELL + STATE] === State.free) return 0;
    if ((this.#words[slot * CELL + MACHINE] ?? 0) < Machine.inviteClient || this.#generation(slot) !== generation || (this.#words[slot * CELL + COOKIE] ?? 0) >>> 0 !== cookie) return 0;
    return this.#id(slot);
  }

  /** Sends a client's request and starts its timers. False when the flow did not take it: the transaction is then over, its user is not told. */
  start(transaction: TransactionId, request: string, flow: Flow): boolean {
    const slot = this.#slot(transaction);
    if (slot === 0) return false;
    this.flows[slot] = flow;
    if (!flow.send(request)) {
      this.#release(slot);
      return false;
    }
    const isUdp = flow.protocol === "udp";
    // An INVITE's is needed for its ACK and CANCEL.
    if (isUdp || this.#words[slot * CELL + MACHINE] === Machine.inviteClient) this.#words[slot * CELL + LAST_TEXT] = this.#texts.keep(request);
    if (isUdp) this.#startRetransmit(slot, this.#times.t1Ms);
    this.#startEnd(slot, 64 * this.#times.t1Ms, false);
    return true;
  }

  /** Gives a client transaction up without telling its user. */
  abandon(transaction: TransactionId): void {
    const slot = this.#slot(transaction);
    if (slot !== 0) this.#release(slot);
  }

  /** An event for a transaction. `text` is the message to send where the machine sends one: a server's response, an INVITE client's ACK. Returns false
   *  when the transaction is gone or its state ignores the event. */
  event(transaction: TransactionId, event: EventId, text = ""): boolean {
    const slot = this.#slot(transaction);
    if (slot === 0) return false;
    const machine = this.#words[slot * CELL + MACHINE] ?? 0;
    const step = transition(machine, this.#words[slot * CELL + STATE] ?? 0, event);
    if (step === -1) return false;
    const next = step & 7;
    const actions = step >> 3;
    const flow = this.flows[slot] ?? null;
    const isReliable = flow !== null && flow.protocol !== "udp";
    const wasState = this.#words[slot * CELL + STATE];
    const user = this.#users[slot] ?? null;
    this.#words[slot * CELL + STATE] = next;
    if ((actions & Action.send) !== 0) {
      flow?.send(text);
      this.#texts.drop(this.#words[slot * CELL + LAST_TEXT] ?? 0);
      // In Accepted nothing is sent again by us: the 2xx is the user agents' to repeat.
      this.#words[slot * CELL + LAST_TEXT] = next === State.accepted || (isReliable && next === State.completed) ? 0 : this.#texts.keep(text);
    }
    if ((actions & Action.resend) !== 0) {
      const last = this.#words[slot * CELL + LAST_TEXT] ?? 0;
      if (last !== 0) {
        this.retransmissions++;
        flow?.send(this.#texts.read(last));
      }
    }
    if ((actions & Action.stopRetransmit) !== 0) this.#stopRetransmit(slot);
    if ((actions & Action.stopTimeout) !== 0) this.#stopEnd(slot);
    if ((actions & Action.slowRetransmit) !== 0) this.#words[slot * CELL + INTERVAL] = this.#times.t2Ms;
    if ((actions & Action.startRetransmit) !== 0 && !isReliable) this.#startRetransmit(slot, event === Event.retransmit ? nextIntervalMs(machine, this.#words[slot * CELL + INTERVAL] ?? 0, this.#times) : this.#times.t1Ms);
    if ((actions & Action.startTimeout) !== 0) this.#startEnd(slot, 64 * this.#times.t1Ms, false);
    if ((actions & Action.startLinger) !== 0 && wasState !== next) {
      this.#stopRetransmit(slot);
      this.#dropRequest(slot);
      if (machine >= Machine.inviteClient) this.#dropLast(slot);
      // It only absorbs what comes twice: kept so long, what its user holds would outlive the young generation.
      if (machine === Machine.client || (machine === Machine.inviteClient && next === State.completed)) this.#users[slot] = null;
      this.#startEnd(slot, lingerMs(machine, next, isReliable, this.#times), true);
    }
    if ((actions & Action.acknowledge) !== 0) {
      flow?.send(text);
      if (!isReliable) this.#words[slot * CELL + LAST_TEXT] = this.#texts.keep(text);
    }
    if ((actions & Action.end) !== 0) this.#release(slot);
    if ((actions & Action.tell) !== 0 && user !== null) this.#tell(user, transaction, event);
    return true;
  }

  /** The state, or `State.free` when the transaction is over. */
  state(transaction: TransactionId): number {
    return this.#words[this.#slot(transaction) * CELL + STATE] ?? State.free;
  }

  /** The machine that a live transaction runs. */
  machine(transaction: TransactionId): number {
    return this.#words[this.#slot(transaction) * CELL + MACHINE] ?? 0;
  }

  /** A server's request, until its final response; a client's request, until a final response came. Empty after. */
  request(transaction: TransactionId): string {
    const slot = this.#slot(transaction);
    if (slot === 0) return "";
    if (slot === this.#unkeptSlot) return this.#unkept;
    return this.#texts.read((this.#words[slot * CELL + MACHINE] ?? 0) >= Machine.inviteClient ? (this.#words[slot * CELL + LAST_TEXT] ?? 0) : (this.#words[slot * CELL + REQUEST_TEXT] ?? 0));
  }

  /** The flow of a live transaction. */
  flow(transaction: TransactionId): Flow | null {
    return this.flows[this.#slot(transaction)] ?? null;
  }

  /** Sends a server's further messages another way: its connection was lost (RFC 3261 §18.2.2). */
  redirect(transaction: TransactionId, flow: Flow): void {
    const slot = this.#slot(transaction);
    if (slot !== 0) this.flows[slot] = flow;
  }

  /** Sets or changes the user; null when nobody wants to be told. */
  setUser(transaction: TransactionId, user: TransactionUser | null): void {
    const slot = this.#slot(transaction);
    if (slot !== 0) this.#users[slot] = user;
  }

  /** Ties a transaction to another (a branch to its caller's), so that nothing else need remember it. */
  tie(transaction: TransactionId, to: TransactionId): void {
    const slot = this.#slot(transaction);
    if (slot !== 0) this.#doubles[slot * DOUBLES + PEER] = to;
  }

  /** What a transaction was tied to, or 0. */
  tied(transaction: TransactionId): TransactionId {
    return this.#doubles[this.#slot(transaction) * DOUBLES + PEER] ?? 0;
  }

  /** Notes the CANCEL of an INVITE client: both have one branch (RFC 3261 §9.1). It ends with the INVITE at the latest: its outcome changes nothing. */
  setCancel(invite: TransactionId, cancel: TransactionId): void {
    const slot = this.#slot(invite);
    if (slot !== 0) this.#doubles[slot * DOUBLES + CANCEL] = cancel;
  }

  /** The CANCEL of an INVITE client (it may be over), or 0. */
  cancelOf(invite: TransactionId): TransactionId {
    return this.#doubles[this.#slot(invite) * DOUBLES + CANCEL] ?? 0;
  }

  /** Ends an INVITE client that was cancelled and stays silent: a time-out 64 × T1 from now (RFC 3261 §9.1); T4 when its peer knows it no more. */
  limit(transaction: TransactionId, isUnknown = false): void {
    const slot = this.#slot(transaction);
    if (slot !== 0 && this.#words[slot * CELL + STATE] === State.proceeding) this.#startEnd(slot, isUnknown ? this.#times.t4Ms : 64 * this.#times.t1Ms, false);
  }

  /** The live client transactions that wait for an answer by one of these flows: one pass over the table. */
  waitingOn(flows: ReadonlySet<Flow>): TransactionId[] {
    const found: TransactionId[] = [];
    for (let slot = 1; slot < this.#used; slot++) {
      if ((this.#words[slot * CELL + MACHINE] ?? 0) < Machine.inviteClient || (this.#words[slot * CELL + STATE] !== State.trying && this.#words[slot * CELL + STATE] !== State.proceeding)) continue;
      const flow = this.flows[slot] ?? null;
      if (flow !== null && flows.has(flow)) found.push(this.#id(slot));
    }
    return found;
  }

  /** The user of a live transaction. */
  user(transaction: TransactionId): TransactionUser | null {
    return this.#users[this.#slot(transaction)] ?? null;
  }

  #timer(id: TransactionId, event: EventId): void {
    const slot = this.#slot(id);
    if (slot === 0) return;
    this.#doubles[slot * DOUBLES + (event === Event.retransmit ? RETRANSMIT_TIMER : END_TIMER)] = 0;
    this.event(id, event);
  }

  #startRetransmit(slot: number, intervalMs: number): void {
    this.#stopRetransmit(slot);
    this.#words[slot * CELL + INTERVAL] = intervalMs;
    this.#doubles[slot * DOUBLES + RETRANSMIT_TIMER] = this.#wheel.start(this.#retransmitKind, intervalMs, this.#id(slot));
  }

  #stopRetransmit(slot: number): void {
    this.#wheel.stop(this.#doubles[slot * DOUBLES + RETRANSMIT_TIMER] ?? 0);
    this.#doubles[slot * DOUBLES + RETRANSMIT_TIMER] = 0;
  }

  #startEnd(slot: number, delayMs: number, isLinger: boolean): void {
    this.#stopEnd(slot);
    this.#words[slot * CELL + IS_LINGERING] = isLinger ? 1 : 0;
    this.#doubles[slot * DOUBLES + END_TIMER] = this.#wheel.start(this.#timeoutKind, delayMs, this.#id(slot));
  }

  #stopEnd(slot: number): void {
    this.#wheel.stop(this.#doubles[slot * DOUBLES + END_TIMER] ?? 0);
    this.#doubles[slot * DOUBLES + END_TIMER] = 0;
  }

  #dropRequest(slot: number): void {
    if (slot === this.#unkeptSlot) this.#unkeptSlot = 0;
    this.#texts.drop(this.#words[slot * CELL + REQUEST_TEXT] ?? 0);
    this.#words[slot * CELL + REQUEST_TEXT] = 0;
  }

  #dropLast(slot: number): void {
    this.#texts.drop(this.#words[slot * CELL + LAST_TEXT] ?? 0);
    this.#words[slot * CELL + LAST_TEXT] = 0;
  }

  #generation(slot: number): number {
    return (this.#words[slot * CELL + GENERATION] ?? 0) >>> 0;
  }

  #id(slot: number): TransactionId {
    return this.#generation(slot) * SLOTS_MAX + slot;
  }

  #slot(id: TransactionId): number {
    // Not `%`: on numbers beyond 32 bits that is a call of the C library.
    const generation = Math.floor(id / SLOTS_MAX);
    const slot = id - generation * SLOTS_MAX;
    return slot < this.#used && this.#words[slot * CELL + STATE] !== State.free && this.#generation(slot) === generation ? slot : 0;
  }

  #take(): number {
    let slot = this.#free;
    if (slot !== 0) this.#free = this.#words[slot * CELL + NEXT] ?? 0;
    else {
      if (this.#used > this.#max) return 0;
      if (this.#used === this.#capacity) this.#grow();
      slot = this.#used++;
    }
    this.#count++;
    this.#words[slot * CELL + NEXT] = 0;
    this.#doubles[slot * DOUBLES + PEER] = this.#doubles[slot * DOUBLES + CANCEL] = 0;
    return slot;
  }

  #release(slot: number): void {
    this.#stopRetransmit(slot);
    this.#stopEnd(slot);
    this.#dropRequest(slot);
    this.#dropLast(slot);
    if ((this.#words[slot * CELL + MACHINE] ?? 0) < Machine.inviteClient) this.#keys.remove(slot);
    const cancel = this.#doubles[slot * DOUBLES + CANCEL] ?? 0;
    this.#words[slot * CELL + STATE] = State.free;
    this.#words[slot * CELL + GENERATION] = this.#generation(slot) + 1;
    this.flows[slot] = null;
    this.#users[slot] = null;
    this.#words[slot * CELL + NEXT] = this.#free;
    this.#free = slot;
    this.#count--;
    if (cancel !== 0) this.abandon(cancel);
  }

  #grow(): void {
    const to = Math.min(this.#capacity * 2, SLOTS_MAX);
    this.#words = grown(this.#words, to * CELL);
    this.#doubles = new Float64Array(this.#words.buffer);
    this.#keys.grow(to);
    this.#capacity = to;
  }
}
