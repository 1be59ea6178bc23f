import { numberDigits } from "./name-clash.ts";
import { nearMiss } from "./near-miss.ts";
import type { Placed } from "./reader.ts";
import type { Report } from "./report.ts";

/** People in one list at most, all of its lists and groups written out. */
export const LIST_MEMBERS_MAX = 2000;

/** Several people under one name, as it was written. */
export interface NamedPeople {
  readonly kind: "group" | "list";
  /** The names that it answers to. */
  readonly names: readonly Placed<string>[];
  readonly members: readonly Placed<string>[];
}

/** The names that one user answers to. */
export interface NamedUser {
  readonly id: Placed<string>;
  readonly aliases: readonly Placed<string>[];
  readonly numbers: readonly Placed<string>[];
}

/** Finds the people whom a name in the directory stands for: a user's id, alias or number, his `sip:` address, a group, a list. */
export class PeopleNames {
  readonly #users = new Map<string, string>();
  readonly #many = new Map<string, NamedPeople>();
  readonly #written = new Map<NamedPeople, readonly string[]>();
  readonly #domain: string;
  readonly #report: Report;

  /** Reports names that two claim. */
  constructor(users: readonly NamedUser[], many: readonly NamedPeople[], domain: string, report: Report) {
    this.#domain = domain;
    this.#report = report;
    const claim = (name: string, id: string): void => {
      if (!this.#users.has(name)) this.#users.set(name, id);
    };
    for (const { id } of users) if (id.offset >= 0) claim(id.value, id.value);
    for (const { id, aliases, numbers } of users) {
      if (id.offset < 0) continue;
      for (const alias of aliases) claim(alias.value.toLowerCase(), id.value);
      for (const number of numbers) claim(numberDigits(number.value), id.value);
    }
    for (const one of many) {
      for (const { value, offset } of one.names) {
        const other = this.#many.get(value);
        if (this.#userOf(value) !== undefined) report.mistake(offset, `"${value}" is the name of a user already`, `write another for this ${one.kind}`);
        else if (other !== undefined && other !== one) report.mistake(offset, `"${value}" is the name of a ${other.kind} already`, `write another for this ${one.kind}`);
        else this.#many.set(value, one);
      }
    }
  }

  /** The ids of those whom these names stand for, each once, in their order. A name of nobody is reported. */
  idsOf(names: readonly Placed<string>[]): readonly string[] {
    const [only] = names;
    const one = names.length === 1 && only !== undefined ? this.#many.get(only.value) : undefined;
    return one === undefined ? this.#gather(names, []) : this.membersOf(one);
  }

  /** The ids of a group's or list's members; the same array for each asker. */
  membersOf(one: NamedPeople, within: readonly NamedPeople[] = []): readonly string[] {
    const known = this.#written.get(one);
    if (known !== undefined) return known;
    const members = this.#gather(one.members, [...within, one]);
    const [name] = one.names;
    if (members.length > LIST_MEMBERS_MAX) this.#report.mistake(name?.offset ?? 0, `"${name?.value ?? ""}" has ${String(members.length)} members`, `write at most ${String(LIST_MEMBERS_MAX)}`);
    this.#written.set(one, members);
    return members;
  }

  #gather(names: readonly Placed<string>[], within: readonly NamedPeople[]): readonly string[] {
    const found = new Set<string>();
    for (const name of names) {
      const user = this.#userOf(name.value);
      const many = user === undefined ? this.#many.get(this.#bare(name.value) ?? name.value) : undefined;
      if (user !== undefined) found.add(user);
      else if (many === undefined) this.#refuse(name);
      else if (within.includes(many)) this.#report.mistake(name.offset, `"${name.value}" stands within itself`, "remove it");
      else for (const id of this.membersOf(many, within)) found.add(id);
    }
    return [...found];
  }

  #userOf(name: string): string | undefined {
    const bare = this.#bare(name) ?? name;
    return this.#users.get(bare) ?? this.#users.get(bare.toLowerCase()) ?? (/^\+?[0-9][0-9 ().-]*$/.test(bare) ? this.#users.get(numberDigits(bare)) : undefined);
  }

  /** The user part of an address of ours; undefined when it is no address. */
  #bare(name: string): string | undefined {
    const parts = /^sips?:([^@]+)@([^@;?:]+)$/i.exec(name);
    return parts?.[2]?.toLowerCase() === this.#domain ? parts[1] : undefined;
  }

  #refuse({ value, offset }: Placed<string>): void {
    const meant = nearMiss(value, [...this.#many.keys()].slice(0, 200)) ?? nearMiss(value, [...this.#users.keys()].slice(0, 200));
    this.#report.mistake(offset, `nobody is called "${value}"`, meant === null ? "write the id of a user, or the name of a group or list" : `write "${meant}"`);
  }
}
