import type { ReadonlySignal } from "@preact/signals";

/** Makes what runs now run again when one of these changes, whatever it is. */
export function dependsOn(...signals: readonly ReadonlySignal<unknown>[]): readonly unknown[] {
  return signals.map(({ value }) => value);
}
