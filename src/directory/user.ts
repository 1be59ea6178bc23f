import { createHash } from "node:crypto";
import { aorOf } from "../base/ids.ts";
import type { Aor } from "../base/ids.ts";
import type { DirectoryUser } from "../config/config.ts";

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
}

/** What a digest answer is checked against: hashes of `id:domain:password` (RFC 7616 §3.4.2) in lower-case hexadecimal. None: this user cannot prove who he is. */
export interface Ha1 {
  readonly md5?: string;
  readonly sha256?: string;
}

/** The user that a line of the directory file stands for; a plain password becomes hashes here and is kept nowhere. */
export function userOf(line: DirectoryUser, domain: string): User {
  const { id, name, aliases, numbers, inbound, isPrivate, doNotDisturb } = line;
  return { aor: aorOf(id, domain), id, name, aliases, numbers, inbound, ha1: ha1Of(line, domain), ...(isPrivate === true ? { isPrivate } : {}), ...(doNotDisturb === true ? { doNotDisturb } : {}), ...(line.mailbox === undefined ? {} : { mailbox: line.mailbox }), ...(line.timeZone === undefined ? {} : { timeZone: line.timeZone }) };
}

/** True when nothing about a user has changed. */
export function sameUser(a: User, b: User): boolean {
  return JSON.stringify([a.aor, a.name, a.aliases, a.numbers, a.inbound, a.ha1.md5, a.ha1.sha256, a.isPrivate, a.mailbox, a.timeZone, a.doNotDisturb]) === JSON.stringify([b.aor, b.name, b.aliases, b.numbers, b.inbound, b.ha1.md5, b.ha1.sha256, b.isPrivate, b.mailbox, b.timeZone, b.doNotDisturb]);
}

function ha1Of({ id, secret }: DirectoryUser, domain: string): Ha1 {
  if (secret.kind === "none") return {};
  if (secret.kind === "ha1") return { ...(secret.md5 === undefined ? {} : { md5: secret.md5 }), ...(secret.sha256 === undefined ? {} : { sha256: secret.sha256 }) };
  const text = `${id}:${domain}:${secret.password}`;
  return { md5: createHash("md5").update(text, "utf8").digest("hex"), sha256: createHash("sha256").update(text, "utf8").digest("hex") };
}
