import type { Cancel } from "../base/clock.ts";
import type { Aor } from "../base/ids.ts";

/** Who wants to be left in peace: read by phones' lamps and routing, set by phones (as-feature-event), feature codes, pages and the API. */
export interface DoNotDisturb {
  isOn(aor: Aor): boolean;
  /** Switches it; the same again is no news. Kept once the store's `flushed` resolves. */
  set(aor: Aor, isOn: boolean): void;
  /** Calls `listener` at once after it was switched for a person, by whatever means. */
  onChange(listener: (aor: Aor, isOn: boolean) => void): Cancel;
}
