import type { Aor } from "../base/ids.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";

interface Pace {
  readonly aor: Aor;
  isDue: boolean;
}

/** Tells of a person's changes at most once in `intervalMs` (`presence.notify_interval`): the first at once, of those that follow the newest when its time has
 *  come, so that the last state always arrives. With 0 every change is told at once. */
export function paced(deps: { readonly wheel: TimerWheel; readonly intervalMs: number }, tell: (aor: Aor) => void): (aor: Aor) => void {
  const { wheel, intervalMs } = deps;
  if (intervalMs === 0) return tell;
  const byAor = new Map<Aor, number>();
  const paces: (Pace | null)[] = [];
  const free: number[] = [];
  const kind = wheel.kind((slot) => {
    const pace = paces[slot];
    if (pace === undefined || pace === null) return;
    if (pace.isDue) {
      pace.isDue = false;
      wheel.start(kind, intervalMs, slot);
      tell(pace.aor);
      return;
    }
    paces[slot] = null;
    free.push(slot);
    byAor.delete(pace.aor);
  });
  return (aor) => {
    const known = byAor.get(aor);
    const pace = known === undefined ? undefined : paces[known];
    if (pace !== undefined && pace !== null) {
      pace.isDue = true;
      return;
    }
    const slot = free.pop() ?? paces.length;
    paces[slot] = { aor, isDue: false };
    wheel.start(kind, intervalMs, slot);
    byAor.set(aor, slot);
    tell(aor);
  };
}
