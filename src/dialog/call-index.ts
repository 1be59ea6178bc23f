import type { Call } from "./call.ts";
import type { Side } from "./side.ts";

/** Calls with one Call-ID (and other From tags) that are kept apart; those beyond it are put through and not shown. */
const CALLS_PER_CALL_ID_MAX = 64;

/** The calls that have not ended, by Call-ID, and by the number that their timers carry. */
export class CallIndex {
  readonly #byCallId = new Map<string, Call>();
  readonly #slots: (Call | null)[] = [];
  readonly #freeSlots: number[] = [];
  #count = 0;

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** Numbers of calls are below this. */
  get slots(): number {
    return this.#slots.length;
  }

  /** The call with that number, or null. */
  at(slot: number): Call | null {
    return this.#slots[slot] ?? null;
  }

  /** All of them. */
  all(): readonly Call[] {
    return this.#slots.filter((call) => call !== null);
  }

  /** A call with that Call-ID; `next` leads to the others. */
  first(callId: string): Call | null {
    return this.#byCallId.get(callId) ?? null;
  }

  /** The call that an INVITE outside a dialog belongs to, or null. */
  find(callId: string, fromTag: string): Call | null {
    for (let call = this.first(callId); call !== null; call = call.next) if (call.start.fromTag === fromTag) return call;
    return null;
  }

  /** The call and the side that a message with these tags comes from; null when it belongs to none: a Call-ID alone is never enough. */
  findSide(callId: string, fromTag: string, toTag: string): { readonly call: Call; readonly side: Side } | null {
    for (let call = this.first(callId); call !== null; call = call.next) {
      const side = call.sideOf(fromTag, toTag);
      if (side !== null) return { call, side };
    }
    return null;
  }

  /** False when there are too many with that Call-ID. */
  admits(callId: string): boolean {
    let count = 0;
    for (let call = this.first(callId); call !== null; call = call.next) count++;
    return count < CALLS_PER_CALL_ID_MAX;
  }

  /** Takes a call in and numbers it. */
  add(call: Call): void {
    const { callId } = call.start;
    call.next = this.first(callId);
    this.#byCallId.set(callId, call);
    call.slot = this.#freeSlots.pop() ?? this.#slots.length;
    this.#slots[call.slot] = call;
    this.#count++;
  }

  /** Forgets a call. */
  remove(call: Call): void {
    if (call.slot === -1) return;
    this.#slots[call.slot] = null;
    this.#freeSlots.push(call.slot);
    call.slot = -1;
    this.#count--;
    const { callId } = call.start;
    const first = this.first(callId);
    if (first === call) {
      if (call.next === null) this.#byCallId.delete(callId);
      else this.#byCallId.set(callId, call.next);
    } else for (let one = first; one !== null; one = one.next) if (one.next === call) one.next = call.next;
  }
}
