declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** A canonical address-of-record, e.g. `sip:101@tel.example.test`: lower-case host, no port, no parameters.
 *  Aliases, numbers and listen addresses have been mapped away: one AoR a person. */
export type Aor = Branded<"Aor">;

/** Makes an AoR of its parts. `user` is already the directory's id, `domain` one of the server's own. */
export function aorOf(user: string, domain: string): Aor {
  return `sip:${user}@${domain.toLowerCase()}` as Aor;
}

/** Reads back an AoR that was stored or sent as text; null when it is not of the canonical form. */
export function parseAor(text: string): Aor | null {
  return /^sip:[^@\s<>;?]+@[^@\s<>;?:A-Z]+$/.test(text) ? (text as Aor) : null;
}

/** The user part of an AoR: `101` of `sip:101@tel.example.test`. */
export function aorUser(aor: Aor): string {
  return aor.slice(4, aor.lastIndexOf("@"));
}

/** The domain of an AoR: `tel.example.test` of `sip:101@tel.example.test`. */
export function aorDomain(aor: Aor): string {
  return aor.slice(aor.lastIndexOf("@") + 1);
}
