import type { DigestAlgorithm, DirectoryFile, DirectoryUser, DirectoryWatchers, Secret } from "./config.ts";
import { timeZone } from "./calendars-schema.ts";
import { refuseNameClashes } from "./name-clash.ts";
import type { Report } from "./report.ts";
import { directoryLists, fellowsOf, groupsKey, listsKey, manyNamed } from "./lists-schema.ts";
import { PeopleNames } from "./people-names.ts";
import { choice, flag, list, map, optional, placed, required, scalar } from "./reader.ts";
import type { Placed, Reader, Reading } from "./reader.ts";
import { text } from "./text.ts";
import { watchersKey, watchersOf } from "./watchers-schema.ts";

const nameMax = 128;
const passwordMax = 256;
const unwritten: Placed<string> = { value: "", offset: -1 };
const refused: Placed<string> = { value: "", offset: 0 };
const noHashes = { value: { MD5: unwritten, "SHA-256": unwritten }, offset: -1 };
const refusedHashes = { value: { MD5: refused, "SHA-256": refused }, offset: 0 };
/** What stands in the user part of a SIP URI without escapes (RFC 3261 §25.1), but for `;` and `?`, which phones read as the end of it. */
const userPart = /^[A-Za-z0-9\-_.!~*'()&=+$,/]{1,64}$/;

const userName = (wants: string): Reader<Placed<string>> => placed(text(wants, 1, 64, userPart));

const hash = (digits: number): Reader<Placed<string>> =>
  placed(scalar(`${String(digits)} hexadecimal digits: the hash of id:domain:password`, (written) => (written.length === digits && /^[0-9a-f]+$/i.test(written) ? written.toLowerCase() : undefined)));

const password: Reader<string> = {
  wants: "a password in quotes",
  read(value, name, { report }) {
    const isText = value.kind === "scalar" && value.type !== "boolean" && value.type !== "null" && value.text !== "";
    if (isText && value.text.length <= passwordMax && !/[\u0000-\u001f\u007f]/.test(value.text)) return value.text;
    report.mistake(value.offset, `this does not fit "${name}"`, `write 1 to ${String(passwordMax)} characters in quotes`);
    return undefined;
  },
};

const ha1Keys = {
  MD5: optional("MD5 of `id:domain:password`, 32 hexadecimal digits.", hash(32), unwritten, "", refused),
  "SHA-256": optional("SHA-256 of the same, 64 hexadecimal digits.", hash(64), unwritten, "", refused),
};

const userKeys = {
  id: required("What the phone registers as: the person is `sip:ID@DOMAIN`. Upper and lower case differ.", userName('a word such as "101", of letters, digits and -_.!~*\'()&=+$,/'), unwritten),
  name: optional("Shown on phones.", text("a name such as Alice Adams", 1, nameMax), "", "the id"),
  aliases: optional("Other names of the same person: `sip:alice@DOMAIN`. Case does not count.", list(userName("a word such as alice"), "a list such as [alice]"), [], "`[]`"),
  password: optional("The phone's password.", placed(password), unwritten, "", refused),
  ha1: optional("Hashes instead of the password, so that this file holds none: `{ MD5: …, SHA-256: … }`, one for each of `authentication.algorithms`.", placed(map(ha1Keys, [], "a map such as { MD5: … }")), noHashes, "", refusedHashes),
  numbers: optional("Telephone numbers of this person. Spaces and `( ) - .` do not count.", list(placed(scalar('a number such as "+32475000101"', (written) => (/^\+?[0-9][0-9 ().-]{0,39}$/.test(written) ? written : undefined))), 'a list such as ["+32475000101"]'), [], "`[]`"),
  private: optional("Others see that this person talks, never with whom.", flag, false, "`false`"),
  watchers: watchersKey,
  mailbox: optional("The mail address of the calendar that speaks for this person.", text("an address such as alice@example.test", 3, 254, /^[^\s@<>]+@[^\s@<>]+$/), "", "none"),
  time_zone: optional("The time zone that this person lives in: whole days of the calendar are days there.", timeZone, "", "that of the calendar"),
  do_not_disturb: optional("Wants to be left in peace, until a phone, a page or the API says otherwise.", flag, false, "`false`"),
  inbound: optional("Strangers who may call this person: `none` or `anyone`.", choice(["none", "anyone"]), "none", "`none`"),
};

const laterUserKeys = ["site", "mobile", "forward", "ring", "calls", "boss_filter"];

type PlacedUser = Placed<Reading<typeof userKeys>>;

/** Every key of the directory file, in the order of the reference page. */
export const directoryKeys = {
  users: optional("The people of this server.", list(placed(map(userKeys, laterUserKeys, 'a map such as { id: "101", name: Alice Adams, password: "…" }')), "a list of users"), [], "none"),
  groups: groupsKey,
  lists: listsKey,
};

/** Reads the whole directory file. */
export const directorySchema = map(directoryKeys);

/** What the configuration demands of the directory. */
export interface DirectoryDemands {
  readonly require: "all" | "register" | "none";
  readonly algorithms: readonly DigestAlgorithm[];
  readonly domain: string;
  /** `presence.anyone_in_domain_may_watch`. */
  readonly everyoneMayWatch: boolean;
}

/** Checks users against one another and against the configuration, and hands them on. */
export function directoryFile(read: Reading<typeof directoryKeys>, demands: DirectoryDemands, report: Report): DirectoryFile {
  refuseNameClashes(read.users.map((user) => user.value), report);
  const many = manyNamed(read.groups, read.lists);
  const names = new PeopleNames(read.users.map((user) => user.value), [...many.groups, ...many.lists], demands.domain, report);
  const lists = directoryLists(many, names);
  const fellows = fellowsOf(many.groups, names);
  const users = read.users.flatMap((user) => {
    const secret = secretOf(user, demands, report);
    const id = user.value.id.value;
    const watchers = watchersOf(user.value.watchers, names, () => fellows(id), demands.everyoneMayWatch) ?? (demands.everyoneMayWatch ? undefined : NOBODY);
    return user.value.id.offset < 0 ? [] : [{ ...userOf(user.value, secret), ...(watchers === undefined ? {} : { watchers }) }];
  });
  return { users, ...(lists.length === 0 ? {} : { lists }) };
}

const NOBODY: DirectoryWatchers = { allow: [], politeBlock: [], block: [], others: "block", messages: [] };

function userOf({ id, name, aliases, numbers, inbound, do_not_disturb: doNotDisturb, private: isPrivate, mailbox, time_zone: zone }: PlacedUser["value"], secret: Secret): DirectoryUser {
  return { id: id.value, name: name === "" ? id.value : name, aliases: aliases.map((a) => a.value), numbers: numbers.map((n) => n.value), inbound, secret, ...(isPrivate ? { isPrivate } : {}), ...(doNotDisturb ? { doNotDisturb } : {}), ...(mailbox === "" ? {} : { mailbox }), ...(zone === "" ? {} : { timeZone: zone }) };
}

function secretOf({ value: user, offset }: PlacedUser, { require, algorithms }: DirectoryDemands, report: Report): Secret {
  const { password, ha1 } = user;
  const who = user.id.value === "" ? "this user" : `user "${user.id.value}"`;
  if (password.offset >= 0 && ha1.offset >= 0) report.mistake(ha1.offset, `${who} has both "password" and "ha1"`, "keep one of them");
  if (password.offset >= 0) return { kind: "password", password: password.value };
  if (ha1.offset < 0) {
    if (require !== "none") report.mistake(offset, `${who} has no password`, 'write "password: …", or "ha1: { MD5: … }"');
    return { kind: "none" };
  }
  for (const algorithm of require === "none" ? [] : algorithms) {
    if (ha1.value[algorithm].offset < 0) report.mistake(ha1.offset, `"ha1" of ${who} has no ${algorithm}, which "authentication.algorithms" offers`, `write "${algorithm}: …" in it, or a password`);
  }
  const { MD5: md5, "SHA-256": sha256 } = ha1.value;
  return { kind: "ha1", ...(md5.offset < 0 ? {} : { md5: md5.value }), ...(sha256.offset < 0 ? {} : { sha256: sha256.value }) };
}
