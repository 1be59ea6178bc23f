import { Call, type CallHost } from "./call.ts";
import type { CallIndex } from "./call-index.ts";
import type { PersonTable } from "./person-table.ts";

/** Compares what lamps are made of, the persons' parts, with what they stand for, the calls, and mends each difference. There is none unless the table
 *  has a mistake: each one counts as a lamp that nothing explained. */
export class LampAudit {
  readonly #calls: CallIndex;
  readonly #persons: PersonTable;
  readonly #host: CallHost;

  constructor(calls: CallIndex, persons: PersonTable, host: CallHost) {
    this.#calls = calls;
    this.#persons = persons;
    this.#host = host;
  }

  /** A live part of a call that is not shown is shown again. Returns how many lamps were wrong. */
  call(call: Call): number {
    const dark = call.parties.filter((party) => party.state !== "terminated" && !this.#persons.live(party.aor).includes(party));
    for (const party of dark) this.#host.began(party);
    return dark.length;
  }

  /** A part whose call is over, or does not know it, is not shown any more. Returns how many were wrong. */
  person(number: number): number {
    const stray = this.#persons.liveOf(number).filter((party) => {
      const { call } = party;
      return !(call instanceof Call) || this.#calls.at(call.slot) !== call || !call.parties.includes(party);
    });
    for (const party of stray) {
      const before = party.state;
      party.state = "terminated";
      party.call = party.view = null;
      this.#host.changed(party, before);
    }
    return stray.length;
  }
}
