/** Why a REGISTER is not accepted: its answer. Nothing was changed. */
export interface Refusal {
  readonly kind: "refused";
  readonly status: number;
  readonly reason: string;
  /** Whole header lines, each with its line end. */
  readonly headers: string;
}

/** Refuses a REGISTER; `reason` is the reason phrase that the peer reads. */
export function refusal(status: number, reason: string, headers = ""): Refusal {
  return { kind: "refused", status, reason, headers };
}
