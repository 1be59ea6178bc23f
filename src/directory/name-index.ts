import type { Aor } from "../base/ids.ts";
import { unescapeUser } from "../sip/uri.ts";
import type { User } from "./user.ts";

/** Longer user parts are nobody's. */
const userPartMax = 256;

/** Finds a person by id, alias or number. An id wins over an alias, an alias over a number. */
export class NameIndex {
  /** Ids as written; aliases in lower case; numbers as written. What most requests carry is found here at once. */
  readonly #exact = new Map<string, Aor>();
  /** Aliases in lower case. */
  readonly #aliases = new Map<string, Aor>();
  /** Ids and numbers that are dialled, without `+` and visual separators. */
  readonly #ids = new Map<string, Aor>();
  readonly #numbers = new Map<string, Aor>();

  constructor(users: readonly User[]) {
    for (const { id, aor } of users) {
      keep(this.#exact, id, aor);
      if (/^[0-9]+$/.test(id)) keep(this.#ids, id, aor);
    }
    for (const { aliases, numbers, aor } of users) {
      for (const alias of aliases) {
        keep(this.#aliases, alias.toLowerCase(), aor);
        keep(this.#exact, alias.toLowerCase(), aor);
      }
      for (const number of numbers) keep(this.#numbers, digits(number), aor);
    }
    for (const { numbers, aor } of users) for (const number of numbers) keep(this.#exact, number, aor);
  }

  /** The person whom a user part names, as it stands in a URI; null for nobody. */
  find(user: string): Aor | null {
    return this.#exact.get(user) ?? this.#search(user);
  }

  #search(written: string): Aor | null {
    if (written === "" || written.length > userPartMax) return null;
    const name = plainUser(written);
    const found = this.#exact.get(name) ?? this.#aliases.get(name.toLowerCase());
    if (found !== undefined) return found;
    if (!/^\+?[0-9][0-9 ().-]*$|^\([0-9][0-9 ().-]*$/.test(name)) return null;
    const dialled = digits(name);
    const byId = name.startsWith("+") ? undefined : this.#ids.get(dialled);
    return byId ?? this.#numbers.get(dialled) ?? null;
  }
}

/** A user part without its parameters (RFC 3261 §19.1.6) and with its %-escapes decoded; escapes that are none stay. */
function plainUser(written: string): string {
  const semicolon = written.indexOf(";");
  return unescapeUser(semicolon < 0 ? written : written.slice(0, semicolon));
}

/** The digits of a telephone number: `+` and visual separators (RFC 3966 §3) do not count. */
function digits(number: string): string {
  return number.replace(/[^0-9]/g, "");
}

function keep(map: Map<string, Aor>, name: string, aor: Aor): void {
  if (!map.has(name)) map.set(name, aor);
}
