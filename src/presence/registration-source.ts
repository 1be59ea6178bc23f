import type { Clock } from "../base/clock.ts";
import type { Aor } from "../base/ids.ts";
import type { Store } from "../store/store.ts";
import type { AskedSource } from "./source.ts";

/** Registrations as a presence source: open while a phone of that person is registered. */
export interface RegistrationSource extends AskedSource {
  /** A person got a first binding or lost the last. To be called for each registered person after a restart too. */
  changed(aor: Aor, isRegistered: boolean): void;
  /** The person is nobody of ours any more. */
  forget(aor: Aor): void;
}

interface Registration {
  readonly isRegistered: boolean;
  readonly since: number;
}

const KEY_PREFIX = "registration ";

/** With a store, a phone that stays registered through a restart counts as registered since it came, not since the restart: a person who said
 *  "closed" meanwhile stays closed. */
export function registrationSource(deps: { readonly clock: Clock; readonly store?: Store }): RegistrationSource {
  const { clock, store } = deps;
  const known = new Map<Aor, Registration>();
  const remembered = new Map<string, number>();
  const listeners = new Set<(aor: Aor) => void>();
  for (const { key, value } of store?.load("presence") ?? []) {
    if (key.startsWith(KEY_PREFIX) && typeof value === "number") remembered.set(key.slice(KEY_PREFIX.length), value);
  }
  const tell = (aor: Aor): void => {
    for (const listener of listeners) listener(aor);
  };

  return {
    name: "registration",
    reportsOf(aor) {
      const registration = known.get(aor);
      if (registration === undefined) return [];
      const { isRegistered, since } = registration;
      return [{ source: "registration", presentity: aor, key: "", kind: "registration", basic: isRegistered ? "open" : "closed", activities: [], publishedAt: since }];
    },
    onChange(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    changed(aor, isRegistered) {
      if (known.get(aor)?.isRegistered === isRegistered) return;
      const before = isRegistered ? remembered.get(aor) : undefined;
      remembered.delete(aor);
      const since = before ?? clock.now();
      known.set(aor, { isRegistered, since });
      if (!isRegistered) store?.delete("presence", KEY_PREFIX + aor);
      else if (before === undefined) store?.put("presence", KEY_PREFIX + aor, since);
      tell(aor);
    },
    forget(aor) {
      remembered.delete(aor);
      store?.delete("presence", KEY_PREFIX + aor);
      if (known.delete(aor)) tell(aor);
    },
  };
}
