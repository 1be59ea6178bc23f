import { signal } from "@preact/signals";

/** Whose panel is open; empty for nobody's. */
export const opened = signal("");

let cameFrom: Element | null = null;

/** Opens somebody's panel. */
export function open(aor: string): void {
  cameFrom = document.activeElement;
  opened.value = aor;
}

/** Closes it, and goes back to where one came from. */
export function close(): void {
  opened.value = "";
  if (cameFrom instanceof HTMLElement) cameFrom.focus();
  cameFrom = null;
}
