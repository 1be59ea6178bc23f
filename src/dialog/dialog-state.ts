import type { DialogState } from "../documents/dialog-info.ts";

const RANK: Readonly<Record<DialogState, number>> = { trying: 0, proceeding: 1, early: 2, confirmed: 3, terminated: 4 };

/** The later of two states of RFC 4235 §3.7.1: a dialog never goes back, and nothing follows `terminated`. */
export function laterState(a: DialogState, b: DialogState): DialogState {
  return RANK[a] >= RANK[b] ? a : b;
}
