import type { Basic } from "../documents/pidf.ts";
import type { Activity } from "../documents/rpid.ts";

/** What was said of a person outside of SIP: by himself on a page, or by a program for someone who cannot publish. */
export interface Statement {
  readonly basic?: Basic;
  readonly activities: readonly Activity[];
  /** Unicode. */
  readonly note?: string;
  /** When it lapses, ms since 1970; left out: when it is taken back. */
  readonly until?: number;
}
