/** The four transaction state machines as one table of values (RFC 3261 §17 as changed by RFC 6026). Pure: a row says what follows from
 *  an event in a state; `table.ts` acts on it. */

/** Which machine a transaction runs. */
export const Machine = { inviteServer: 0, server: 1, inviteClient: 2, client: 3 } as const;
/** One of the numbers of `Machine`. */
export type MachineId = (typeof Machine)[keyof typeof Machine];

/** The states of all four. `trying` is Calling in the INVITE client's diagram. */
export const State = { free: 0, trying: 1, proceeding: 2, completed: 3, confirmed: 4, accepted: 5 } as const;
/** One of the numbers of `State`. */
export type StateId = (typeof State)[keyof typeof State];

/** What may happen to a transaction. `request` is a retransmission; `retransmit` timers A, E, G; `timeout` timers B, F, H; `linger` timers D, I, J, K, L, M. */
export const Event = { request: 0, ack: 1, provisional: 2, success: 3, failure: 4, retransmit: 5, timeout: 6, linger: 7 } as const;
/** One of the numbers of `Event`. */
export type EventId = (typeof Event)[keyof typeof Event];

/** What is to be done, as bits. */
export const Action = {
  /** Send what the user gave (server), and keep it for retransmissions. */
  send: 1,
  /** Send again what was sent last. */
  resend: 2,
  /** Hand the event to the transaction's user. */
  tell: 4,
  /** Answer a failure with ACK (RFC 3261 §17.1.1.3), and keep the ACK for its repetitions. */
  acknowledge: 8,
  /** Start the retransmission timer over unreliable transports; its interval doubles (for INVITE clients without bound, else up to T2). */
  startRetransmit: 16,
  stopRetransmit: 32,
  /** Start the timer after which the transaction gives up (64 × T1). */
  startTimeout: 64,
  /** Replace the time-out by the linger timer of the new state. */
  startLinger: 128,
  /** The transaction is over. */
  end: 256,
  /** From now on retransmit at T2 (timer E in Proceeding). */
  slowRetransmit: 512,
  /** Stop the timer of startTimeout: the state has none. */
  stopTimeout: 1024,
} as const;

/** One row: in `state`, `event` leads to `next` and asks for `actions`. */
export interface Row {
  readonly machine: MachineId;
  readonly state: StateId;
  readonly event: EventId;
  readonly next: StateId;
  readonly actions: number;
}

function row(machine: MachineId, state: StateId, event: EventId, next: StateId, ...actions: number[]): Row {
  return { machine, state, event, next, actions: actions.reduce((all, action) => all | action, 0) };
}

const { inviteServer: IS, server: S, inviteClient: IC, client: C } = Machine;
const { free, trying, proceeding, completed, confirmed, accepted } = State;
const { send, resend, tell, acknowledge, startRetransmit, stopRetransmit, startLinger, startTimeout, stopTimeout, end, slowRetransmit } = Action;

/** All rows; an event that has none in a state is ignored there. */
export const rows: readonly Row[] = [
  // INVITE server: RFC 3261 §17.2.1 and RFC 6026 §7.1. The 100 (Trying) is sent by the user at once.
  row(IS, proceeding, Event.request, proceeding, resend),
  row(IS, proceeding, Event.provisional, proceeding, send),
  row(IS, proceeding, Event.success, accepted, send, startLinger),
  row(IS, proceeding, Event.failure, completed, send, startRetransmit, startTimeout),
  row(IS, completed, Event.request, completed, resend),
  row(IS, completed, Event.retransmit, completed, resend, startRetransmit),
  row(IS, completed, Event.ack, confirmed, stopRetransmit, startLinger),
  row(IS, completed, Event.timeout, free, tell, end),
  row(IS, confirmed, Event.linger, free, end),
  // Accepted: retransmitted INVITEs are absorbed, further 2xx of the user pass (RFC 6026 §7.1).
  row(IS, accepted, Event.success, accepted, send),
  row(IS, accepted, Event.ack, accepted, tell),
  row(IS, accepted, Event.linger, free, end),

  // Non-INVITE server: RFC 3261 §17.2.2.
  row(S, trying, Event.provisional, proceeding, send),
  row(S, trying, Event.success, completed, send, startLinger),
  row(S, trying, Event.failure, completed, send, startLinger),
  row(S, proceeding, Event.request, proceeding, resend),
  row(S, proceeding, Event.provisional, proceeding, send),
  row(S, proceeding, Event.success, completed, send, startLinger),
  row(S, proceeding, Event.failure, completed, send, startLinger),
  row(S, completed, Event.request, completed, resend),
  row(S, completed, Event.linger, free, end),

  // INVITE client: RFC 3261 §17.1.1 and RFC 6026 §7.2.
  row(IC, trying, Event.retransmit, trying, resend, startRetransmit),
  row(IC, trying, Event.timeout, free, tell, end),
  row(IC, trying, Event.provisional, proceeding, tell, stopRetransmit, stopTimeout),
  row(IC, trying, Event.success, accepted, tell, stopRetransmit, startLinger),
  row(IC, trying, Event.failure, completed, acknowledge, tell, stopRetransmit, startLinger),
  row(IC, proceeding, Event.provisional, proceeding, tell),
  row(IC, proceeding, Event.success, accepted, tell, startLinger),
  row(IC, proceeding, Event.failure, completed, acknowledge, tell, startLinger),
  // Proceeding has no timer of its own but the one that a CANCEL starts (RFC 3261 §9.1).
  row(IC, proceeding, Event.timeout, free, tell, end),
  row(IC, completed, Event.failure, completed, resend),
  row(IC, completed, Event.linger, free, end),
  row(IC, accepted, Event.success, accepted, tell),
  row(IC, accepted, Event.linger, free, end),

  // Non-INVITE client: RFC 3261 §17.1.2.
  row(C, trying, Event.retransmit, trying, resend, startRetransmit),
  row(C, trying, Event.timeout, free, tell, end),
  row(C, trying, Event.provisional, proceeding, tell, slowRetransmit),
  row(C, trying, Event.success, completed, tell, stopRetransmit, startLinger),
  row(C, trying, Event.failure, completed, tell, stopRetransmit, startLinger),
  row(C, proceeding, Event.retransmit, proceeding, resend, startRetransmit),
  row(C, proceeding, Event.timeout, free, tell, end),
  row(C, proceeding, Event.provisional, proceeding, tell),
  row(C, proceeding, Event.success, completed, tell, stopRetransmit, startLinger),
  row(C, proceeding, Event.failure, completed, tell, stopRetransmit, startLinger),
  row(C, completed, Event.linger, free, end),
];

const STATES = 6;
const EVENTS = 8;
const compiled = new Uint16Array(4 * STATES * EVENTS).fill(0xffff);
for (const { machine, state, event, next, actions } of rows) compiled[(machine * STATES + state) * EVENTS + event] = (actions << 3) | next;

/** What an event leads to: the actions shifted left by three bits, and the next state below; -1 when it is ignored there. */
export function transition(machine: number, state: number, event: EventId): number {
  const found = compiled[(machine * STATES + state) * EVENTS + event] ?? 0xffff;
  return found === 0xffff ? -1 : found;
}

/** The base times of RFC 3261 §17 in milliseconds. */
export interface BaseTimes {
  readonly t1Ms: number;
  readonly t2Ms: number;
  readonly t4Ms: number;
}

/** The RFC's own values. */
export const standardTimes: BaseTimes = { t1Ms: 500, t2Ms: 4000, t4Ms: 5000 };

/** How long a transaction lingers in a state after its outcome, in milliseconds (RFC 3261 table 4, RFC 6026 §8): 0 over reliable transports,
 *  but Accepted always waits for further 2xx. */
export function lingerMs(machine: number, state: number, isReliable: boolean, times: BaseTimes): number {
  if (state === State.accepted) return 64 * times.t1Ms;
  if (isReliable) return 0;
  if (machine === Machine.inviteClient) return 64 * times.t1Ms;
  if (machine === Machine.server) return 64 * times.t1Ms;
  return times.t4Ms;
}

/** The wait after a retransmission that came `lastMs` after the one before: timer A doubles without bound, E and G up to T2 (RFC 3261 §17.1.1.2,
 *  §17.1.2.2, §17.2.1). */
export function nextIntervalMs(machine: number, lastMs: number, times: BaseTimes): number {
  return Math.min(lastMs * 2, machine === Machine.inviteClient ? 0xffff : times.t2Ms);
}
