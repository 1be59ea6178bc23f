import type { Cancel, Clock } from "../base/clock.ts";
import { parseAor, type Aor } from "../base/ids.ts";
import { MESSAGE_CLASSES, MESSAGE_COUNT_MAX, type MessageClass, type MessageCounts, type MessageSummary } from "../documents/message-summary.ts";
import type { Store } from "../store/store.ts";

/** What a mailbox holds, and since when. */
export interface Mailbox extends MessageSummary {
  /** ms since 1970. */
  readonly since: number;
}

/** The message lamps of everyone: the newest statement about a mailbox holds, whether it was published or set by the API. */
export interface MailboxTable {
  /** Null when nobody ever said anything about it. The same object as long as nothing changed. */
  get(aor: Aor): Mailbox | null;
  /** What was set through the API: holds until the next, survives a restart; null takes it back. */
  set(aor: Aor, summary: MessageSummary | null): void;
  /** What was published, under its lineage; null when it ended. `at` is when it was said, ms since 1970. */
  published(id: string, aor: Aor, summary: MessageSummary | null, at: number): void;
  onChange(listener: (aor: Aor) => void): Cancel;
  /** The person is nobody of ours any more. */
  forget(aor: Aor): void;
  /** Takes up what the store kept, at start. */
  restore(): void;
}

const API = "api";
const KEY_PREFIX = "mailbox ";

/** An empty table; nothing is read from the store before `restore`. */
export function mailboxTable(deps: { readonly clock: Clock; readonly store: Store }): MailboxTable {
  const { clock, store } = deps;
  /** By person, then by who says it: a publication's lineage, or the API. */
  const said = new Map<Aor, Map<string, Mailbox>>();
  const listeners = new Set<(aor: Aor) => void>();

  const say = (aor: Aor, key: string, mailbox: Mailbox | null): void => {
    const before = newest(said.get(aor));
    const mine = said.get(aor) ?? new Map<string, Mailbox>();
    if (mailbox === null) mine.delete(key);
    else mine.set(key, mailbox);
    if (mine.size === 0) said.delete(aor);
    else said.set(aor, mine);
    if (!isEqual(before, newest(said.get(aor)))) for (const listener of listeners) listener(aor);
  };

  return {
    get: (aor) => newest(said.get(aor)),
    set(aor, summary) {
      const mailbox = summary === null ? null : { ...summary, since: clock.now() };
      if (mailbox === null) store.delete("presence", KEY_PREFIX + aor);
      else store.put("presence", KEY_PREFIX + aor, { isWaiting: mailbox.isWaiting, account: mailbox.account, since: mailbox.since, counts: Object.fromEntries(mailbox.counts) });
      say(aor, API, mailbox);
    },
    published(id, aor, summary, at) {
      say(aor, `publication ${id}`, summary === null ? null : { ...summary, since: at });
    },
    onChange(listener) {
      const entry = (aor: Aor): void => {
        listener(aor);
      };
      listeners.add(entry);
      return () => {
        listeners.delete(entry);
      };
    },
    forget(aor) {
      store.delete("presence", KEY_PREFIX + aor);
      said.delete(aor);
    },
    restore() {
      for (const { key, value } of [...store.load("presence")]) {
        if (!key.startsWith(KEY_PREFIX)) continue;
        const aor = parseAor(key.slice(KEY_PREFIX.length));
        const mailbox = readStored(value);
        if (aor === null || mailbox === null) store.delete("presence", key);
        else say(aor, API, mailbox);
      }
    },
  };
}

/** The statement that holds; of two of one moment the one with the greater key, so that it is the same on every server. */
function newest(mine: ReadonlyMap<string, Mailbox> | undefined): Mailbox | null {
  let found: Mailbox | null = null;
  let foundKey = "";
  for (const [key, mailbox] of mine ?? []) {
    if (found !== null && (mailbox.since < found.since || (mailbox.since === found.since && key < foundKey))) continue;
    found = mailbox;
    foundKey = key;
  }
  return found;
}

function isEqual(a: Mailbox | null, b: Mailbox | null): boolean {
  if (a === b) return true;
  return a !== null && b !== null && a.isWaiting === b.isWaiting && a.account === b.account && JSON.stringify([...a.counts].sort()) === JSON.stringify([...b.counts].sort());
}

function readStored(value: unknown): Mailbox | null {
  if (typeof value !== "object" || value === null) return null;
  const { isWaiting, account, since, counts }: Record<string, unknown> = { ...value };
  if (typeof isWaiting !== "boolean" || typeof account !== "string" || typeof since !== "number" || typeof counts !== "object" || counts === null) return null;
  const read = new Map<MessageClass, MessageCounts>();
  for (const [name, count] of Object.entries(counts)) {
    const kind = MESSAGE_CLASSES.find((one) => one === name);
    const kept = kind === undefined ? null : readCounts(count);
    if (kind === undefined || kept === null) return null;
    read.set(kind, kept);
  }
  return { isWaiting, account, since, counts: read };
}

function readCounts(value: unknown): MessageCounts | null {
  if (typeof value !== "object" || value === null) return null;
  const { fresh, old, urgentFresh, urgentOld }: Record<string, unknown> = { ...value };
  return isCount(fresh) && isCount(old) && isCount(urgentFresh) && isCount(urgentOld) ? { fresh, old, urgentFresh, urgentOld } : null;
}

/** True for a whole number of messages that can be written. */
export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MESSAGE_COUNT_MAX;
}
