import type { Aor } from "../base/ids.ts";
import type { TimerId } from "../base/timer-wheel.ts";
import type { DialogState } from "../documents/dialog-info.ts";
import type { ForkControl } from "../proxy/fork-control.ts";
import type { Dialog } from "./dialog.ts";

/** What a call is from its first INVITE on; all texts are strings of their own. */
export interface CallStart {
  /** Unique in the store. */
  readonly key: string;
  readonly callId: string;
  readonly fromTag: string;
  readonly from: string;
  readonly to: string;
  readonly since: number;
  /** Whom the caller dialled, when that is a person of ours. */
  readonly callee: Aor | null;
}

/** What a person's part can ask of its call. */
export interface PartyCall {
  /** The way to an INVITE of it that still waits for its answer, that on which `party` rings if it does. */
  control(party: Party | null): ForkControl | null;
}

/** One of ours, kept from his first call on: there are as many as the directory has. Changed by the person table alone. */
export interface Person {
  readonly aor: Aor;
  readonly number: number;
  readonly live: Party[];
  ended: { readonly party: Party; readonly until: number }[];
  timer: TimerId;
  revision: number;
  lastEndedAt: number;
}

/** A person's part in a call. Changed by its call alone; others see it as a `Dialog`. */
export interface Party {
  readonly start: CallStart;
  /** Null once it is over: what is still shown keeps no more than it needs. */
  call: PartyCall | null;
  readonly id: string;
  readonly person: Person;
  readonly aor: Aor;
  readonly direction: "initiator" | "recipient";
  readonly since: number;
  state: DialogState;
  changedAt: number;
  /** The callee's tag; empty while it is not known. */
  tag: string;
  /** Who answered, of ours; known to an initiator only. */
  peer: Aor | null;
  onHold: boolean;
  /** True once someone has looked at it. */
  wasSeen: boolean;
  /** What watchers see of it, made when asked for. */
  view: Dialog | null;
}
