import type { Aor } from "../base/ids.ts";
import type { DialogState } from "../documents/dialog-info.ts";
import type { Call } from "./call.ts";
import type { Dialog } from "./dialog.ts";

/** A person's part in a call. Changed by its call alone; others see it as a `Dialog`. */
export interface Party {
  readonly call: Call;
  readonly id: string;
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
  /** What watchers see of it, made when asked for. */
  view: Dialog | null;
}
