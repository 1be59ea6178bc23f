import { hash } from "node:crypto";
import { aorOf } from "../base/ids.ts";
import type { Aor } from "../base/ids.ts";
import type { DirectoryUser, DirectoryWatchers } from "../config/config.ts";

/** A person of the domain. */
export interface User {
  readonly aor: Aor;
  readonly id: string;
  /** Unicode text: a SIP message carries it as UTF-8. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly numbers: readonly string[];
  /** Strangers who may call him. */
  readonly inbound: "none" | "anyone";
  readonly ha1: Ha1;
  /** Wants to be left in peace until he says otherwise. */
  readonly doNotDisturb?: boolean;
  /** Others see that he talks, never with whom. */
  readonly isPrivate?: boolean;
  /** The mail address whose calendar speaks for him. */
  readonly mailbox?: string;
  /** IANA or Windows name of the time zone that he lives in. */
  readonly timeZone?: string;
  /** Who may watch him; left out: everyone of the domain. */
  readonly watchers?: UserWatchers;
}

/** Who may watch a person, groups and lists written out. The person himself always may; the strictest that names a watcher counts. */
export interface UserWatchers {
  readonly allow: "domain" | ReadonlySet<Aor>;
  readonly politeBlock: ReadonlySet<Aor>;
  readonly block: ReadonlySet<Aor>;
  readonly others: "block" | "ask";
  /** May see his message lamp. */
  readonly messages: ReadonlySet<Aor>;
}

/** What a digest answer is checked against: hashes of `id:domain:password` (RFC 7616 §3.4.2) in lower-case hexadecimal. None: this user cannot prove who he is. */
export interface Ha1 {
  readonly md5?: string;
  readonly sha256?: string;
}

/** The user that a line of the directory file stands for; a plain password becomes hashes here and is kept nowhere. */
export function userOf(line: DirectoryUser, domain: string, aorsOf: (ids: readonly string[]) => ReadonlySet<Aor> = (ids) => new Set(ids.map((id) => aorOf(id, domain)))): User {
  const { id, name, aliases, numbers, inbound, isPrivate, doNotDisturb, watchers } = line;
  return { aor: aorOf(id, domain), id, name, aliases, numbers, inbound, ha1: ha1Of(line, domain), ...(isPrivate === true ? { isPrivate } : {}), ...(doNotDisturb === true ? { doNotDisturb } : {}), ...(line.mailbox === undefined ? {} : { mailbox: line.mailbox }), ...(line.timeZone === undefined ? {} : { timeZone: line.timeZone }), ...(watchers === undefined ? {} : { watchers: userWatchers(watchers, aorsOf) }) };
}

function userWatchers({ allow, politeBlock, block, others, messages }: DirectoryWatchers, aorsOf: (ids: readonly string[]) => ReadonlySet<Aor>): UserWatchers {
  return { allow: allow === "domain" ? allow : aorsOf(allow), politeBlock: aorsOf(politeBlock), block: aorsOf(block), others, messages: aorsOf(messages) };
}

/** True when nothing about a user has changed. */
export function sameUser(a: User, b: User): boolean {
  return JSON.stringify([a.aor, a.name, a.aliases, a.numbers, a.inbound, a.ha1.md5, a.ha1.sha256, a.isPrivate, a.mailbox, a.timeZone, a.doNotDisturb, rulesText(a)]) === JSON.stringify([b.aor, b.name, b.aliases, b.numbers, b.inbound, b.ha1.md5, b.ha1.sha256, b.isPrivate, b.mailbox, b.timeZone, b.doNotDisturb, rulesText(b)]);
}

function rulesText({ watchers }: User): string {
  if (watchers === undefined) return "";
  const { allow, politeBlock, block, others, messages } = watchers;
  return [allow === "domain" ? allow : [...allow].join(), [...politeBlock].join(), [...block].join(), others, [...messages].join()].join(" ");
}

function ha1Of({ id, secret }: DirectoryUser, domain: string): Ha1 {
  if (secret.kind === "none") return {};
  if (secret.kind === "ha1") return { ...(secret.md5 === undefined ? {} : { md5: secret.md5 }), ...(secret.sha256 === undefined ? {} : { sha256: secret.sha256 }) };
  const text = `${id}:${domain}:${secret.password}`;
  return { md5: hash("md5", text), sha256: hash("sha256", text) };
}
