import { signal } from "@preact/signals";

/** The server's clock minus this one's, ms: a wrong clock on the screen makes no wrong times. */
let offsetMs = 0;

/** The server's time, ms since 1970; new every second, and every half minute. */
export const second = signal(Date.now());
export const minute = signal(Date.now());

let beats = 0;

/** Starts the clocks. */
export function startClocks(): void {
  setInterval(() => {
    if (document.hidden) return;
    second.value = serverNow();
    if (beats++ % 15 === 0) minute.value = second.value;
  }, 1000);
  document.addEventListener("visibilitychange", () => {
    second.value = minute.value = serverNow();
  });
}

/** The server's time now. */
export function serverNow(): number {
  return Date.now() + offsetMs;
}

/** Takes over the server's clock. */
export function setServerTime(iso: string): void {
  offsetMs = Date.parse(iso) - Date.now();
  second.value = minute.value = serverNow();
}
