import type { Cancel } from "../base/clock.ts";
import { aorOf, type Aor } from "../base/ids.ts";
import type { DirectoryFile } from "../config/config.ts";
import { unescapeUser } from "../sip/uri.ts";
import { NameIndex } from "./name-index.ts";
import { canonicalHost } from "./own-hosts.ts";
import type { OwnHosts } from "./own-hosts.ts";
import { sameUser, userOf } from "./user.ts";
import type { User } from "./user.ts";

/** What a reload changed. A user whose id changed is one removed and one added. */
export interface DirectoryChange {
  readonly added: readonly Aor[];
  readonly changed: readonly Aor[];
  readonly removed: readonly Aor[];
  /** Lists whose members, name or existence changed. */
  readonly lists: readonly Aor[];
}

/** People who are watched by one subscription (RFC 4662). */
export interface ResourceList {
  /** What is subscribed to. */
  readonly aor: Aor;
  /** Unicode text. */
  readonly name: string;
  /** Each once, in the order of the file. */
  readonly members: readonly Aor[];
}

/** The people of this server: the only writer of users. */
export interface Directory {
  /** The SIP domain and realm, in lower case. */
  readonly domain: string;
  /** True for the domain and for every name and address that the server listens on. `host` without port; IPv6 with or without brackets. */
  isOwnDomain(host: string): boolean;
  /** The person that a user part at a host stands for: by id, alias or number, at the domain or any listen address; null for nobody of ours.
   *  `user` is as it stands in the URI: %-escapes, parameters (`;phone-context`) and visual separators are seen through. */
  aorOf(user: string, host: string): Aor | null;
  user(aor: Aor): User | null;
  /** In the order of the file. */
  users(): readonly User[];
  /** The list of that id at a host of ours; null for none. `user` as in `aorOf`. */
  listOf(user: string, host: string): ResourceList | null;
  /** The list of that address; null when there is none. */
  list(aor: Aor): ResourceList | null;
  /** Those of the file in its order, then those that groups make. */
  lists(): readonly ResourceList[];
  /** Takes over a new directory file, all at once; listeners are told once, after it. */
  replace(file: DirectoryFile): void;
  onChange(listener: (change: DirectoryChange) => void): Cancel;
}

/** What a directory needs from the rest of the server. */
export interface DirectoryDeps {
  readonly domain: string;
  readonly ownHosts: OwnHosts;
}

/** A directory that holds the users of `file`. */
export function createDirectory(deps: DirectoryDeps, file: DirectoryFile): Directory {
  const directory = new MemoryDirectory(deps);
  directory.replace(file);
  return directory;
}

// Hot path: every request asks isOwnDomain and aorOf; the usual names are found as they are written.
class MemoryDirectory implements Directory {
  readonly domain: string;
  readonly #ownHosts: OwnHosts;
  readonly #listeners = new Set<(change: DirectoryChange) => void>();
  #users: ReadonlyMap<Aor, User> = new Map();
  #list: readonly User[] = [];
  #names = new NameIndex([]);
  #lists: ReadonlyMap<Aor, ResourceList> = new Map();

  constructor({ domain, ownHosts }: DirectoryDeps) {
    this.domain = domain.toLowerCase();
    this.#ownHosts = ownHosts;
  }

  isOwnDomain(host: string): boolean {
    if (host === this.domain) return true;
    const own = this.#ownHosts();
    if (own.has(host)) return true;
    const canonical = canonicalHost(host);
    return canonical !== host && (canonical === this.domain || own.has(canonical));
  }

  aorOf(user: string, host: string): Aor | null {
    return this.isOwnDomain(host) ? this.#names.find(user) : null;
  }

  user(aor: Aor): User | null {
    return this.#users.get(aor) ?? null;
  }

  users(): readonly User[] {
    return this.#list;
  }

  listOf(user: string, host: string): ResourceList | null {
    return this.#lists.size > 0 && this.isOwnDomain(host) ? (this.#lists.get(aorOf(unescapeUser(user), this.domain)) ?? null) : null;
  }

  list(aor: Aor): ResourceList | null {
    return this.#lists.get(aor) ?? null;
  }

  lists(): readonly ResourceList[] {
    return [...this.#lists.values()];
  }

  replace(file: DirectoryFile): void {
    const before = this.#users;
    const listsBefore = this.#lists;
    // A group's members are one array for all who name it, and one set here.
    const sets = new Map<readonly string[], ReadonlySet<Aor>>();
    const aorsOf = (ids: readonly string[]): ReadonlySet<Aor> => {
      let found = sets.get(ids);
      if (found === undefined) sets.set(ids, (found = new Set(ids.map((id) => aorOf(id, this.domain)))));
      return found;
    };
    this.#list = file.users.map((line) => userOf(line, this.domain, aorsOf));
    this.#lists = new Map((file.lists ?? []).map(({ id, name, members }) => [aorOf(id, this.domain), { aor: aorOf(id, this.domain), name, members: [...aorsOf(members)] }]));
    this.#users = new Map(this.#list.map((user) => [user.aor, user]));
    this.#names = new NameIndex(this.#list);
    const change = { ...changeBetween(before, this.#users), lists: changedLists(listsBefore, this.#lists) };
    if (change.added.length + change.changed.length + change.removed.length + change.lists.length === 0) return;
    for (const listener of [...this.#listeners]) listener(change);
  }

  onChange(listener: (change: DirectoryChange) => void): Cancel {
    // A listener that is given twice is told twice: each has its own entry.
    const entry = (change: DirectoryChange): void => {
      listener(change);
    };
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }
}

function changedLists(before: ReadonlyMap<Aor, ResourceList>, now: ReadonlyMap<Aor, ResourceList>): readonly Aor[] {
  const isSame = (a: ResourceList, b: ResourceList | undefined): boolean => b !== undefined && a.name === b.name && a.members.join() === b.members.join();
  return [...[...now.values()].filter((list) => !isSame(list, before.get(list.aor))).map(({ aor }) => aor), ...[...before.keys()].filter((aor) => !now.has(aor))];
}

function changeBetween(before: ReadonlyMap<Aor, User>, now: ReadonlyMap<Aor, User>): Omit<DirectoryChange, "lists"> {
  const added: Aor[] = [];
  const changed: Aor[] = [];
  for (const [aor, user] of now) {
    const old = before.get(aor);
    if (old === undefined) added.push(aor);
    else if (!sameUser(old, user)) changed.push(aor);
  }
  return { added, changed, removed: [...before.keys()].filter((aor) => !now.has(aor)) };
}
