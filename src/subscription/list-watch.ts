import type { Aor } from "../base/ids.ts";
import { hashOfParts } from "../base/fnv.ts";
import { isSame, type Rendered } from "./event-package.ts";

/** One member of a list. */
export interface ListMember {
  /** As the list names it: SIP text. */
  readonly uri: string;
  /** Whom it names; null for nobody of ours. */
  readonly aor: Aor | null;
  /** Unicode; empty for none. */
  readonly name: string;
}

/** Where a list comes from: the directory, or the body of the SUBSCRIBE itself (RFC 5367). */
export type ListSource = { readonly kind: "directory"; readonly aor: Aor } | { readonly kind: "request"; readonly entries: readonly { readonly uri: string; readonly name: string }[] };

/** A list and its members as they are now: shared by all who watch it. */
export class WatchedList {
  readonly source: ListSource;
  /** Unicode; empty for none. */
  readonly name: string;
  readonly members: readonly ListMember[];
  /** Where each of our people stands in it. */
  readonly places: ReadonlyMap<Aor, number>;

  constructor(source: ListSource, name: string, members: readonly ListMember[]) {
    this.source = source;
    this.name = name;
    this.members = members;
    const places = new Map<Aor, number>();
    members.forEach(({ aor }, at) => {
      if (aor !== null && !places.has(aor)) places.set(aor, at);
    });
    this.places = places;
  }

  /** True when a watcher would see no difference. */
  isSame(other: WatchedList): boolean {
    return this.name === other.name && this.members.length === other.members.length && this.members.every(({ uri, aor, name }, at) => uri === other.members[at]?.uri && aor === other.members[at].aor && name === other.members[at].name);
  }

  /** The id of a member's virtual subscription. */
  instanceId(at: number): string {
    return `i${(hashOfParts([this.members[at]?.uri ?? ""]) >>> 0).toString(36)}`;
  }
}

/** What one watcher was told of each member of a list. At rest eight bytes a member: the renderings are the packages' own. */
export class ListWatch {
  of: WatchedList;
  /** The next NOTIFY shows everyone, changed or not. */
  mustBeFull = true;
  /** The watcher has acknowledged the names of all members, so that a full state may come in pieces without one that wipes the others. */
  isKnown = false;
  #told: (Rendered | null)[];
  /** Who may look different; null for nobody. */
  #changed: Set<number> | null = null;

  constructor(of: WatchedList) {
    this.of = of;
    this.#told = new Array<Rendered | null>(of.members.length).fill(null);
  }

  /** What the watcher was told of that person last; null for nothing. */
  toldOf(aor: Aor): Rendered | null {
    const at = this.of.places.get(aor);
    return at === undefined ? null : (this.#told[at] ?? null);
  }

  /** True when there may be something to tell. */
  get hasNews(): boolean {
    return this.mustBeFull || this.#changed !== null;
  }

  /** Those who may look different, in the order of the list. */
  changedPlaces(): readonly number[] {
    return this.#changed === null ? [] : [...this.#changed].sort((a, b) => a - b);
  }

  /** That person may look different. */
  note(aor: Aor): void {
    const at = this.of.places.get(aor);
    if (at !== undefined) (this.#changed ??= new Set()).add(at);
  }

  /** Everyone may look different. */
  noteAll(): void {
    if (this.of.members.length > 0) this.#changed = new Set(this.of.members.keys());
  }

  /** Everyone is to be shown, and nothing that was told before counts. */
  begin(): void {
    this.mustBeFull = false;
    this.#told.fill(null);
    this.noteAll();
  }

  /** True when the watcher has been told just that. */
  isTold(at: number, now: Rendered): boolean {
    const told = this.#told[at] ?? null;
    return told !== null && isSame(told, now);
  }

  /** He is told that, or knows it already. */
  tell(at: number, now: Rendered): void {
    this.#told[at] = now;
    this.#changed?.delete(at);
    if (this.#changed?.size === 0) this.#changed = null;
  }

  /** A NOTIFY was lost: who knows what the watcher knows. */
  lost(): void {
    this.mustBeFull = true;
    this.isKnown = false;
  }

  /** It has other members now. */
  becomes(of: WatchedList): void {
    this.of = of;
    this.#told = new Array<Rendered | null>(of.members.length).fill(null);
    this.#changed = null;
    this.lost();
  }
}
