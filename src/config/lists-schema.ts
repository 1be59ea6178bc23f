import type { DirectoryList } from "./config.ts";
import type { NamedPeople, PeopleNames } from "./people-names.ts";
import { list, map, optional, placed, required } from "./reader.ts";
import type { Placed, Reader, Reading } from "./reader.ts";
import { text } from "./text.ts";
import { peopleName } from "./watchers-schema.ts";

const nameMax = 128;
/** What stands in the user part of a SIP URI without escapes. */
const userPart = /^[A-Za-z0-9\-_.!~*'()&=+$,/]{1,64}$/;
const unwritten: Placed<string> = { value: "", offset: -1 };

const word = (wants: string): Reader<Placed<string>> => placed(text(wants, 1, 64, userPart));
const members = list(peopleName, 'a list such as ["101", "102"]');

const groupKeys = {
  name: required("The group's name: what `watchers` and `lists` call it, and the list `sip:NAME@DOMAIN`.", word("a word such as sales"), unwritten),
  id: optional("Its number: the list `sip:ID@DOMAIN`.", word('a word such as "200"'), unwritten, ""),
  members: required("Ids of users; groups and lists may stand among them.", members, []),
};

const listKeys = {
  id: required("What a phone subscribes to: `sip:ID@DOMAIN`.", word("a word such as lamps-front-desk"), unwritten),
  name: optional("Shown by phones that show it.", text("a name such as Front desk", 1, nameMax), "", "the id"),
  members: required("Ids of users in the order of the keys; groups and lists may stand among them. Each person is shown once.", members, []),
};

/** The keys `groups` and `lists` of the directory. */
export const groupsKey = optional("People who belong together. Each group is a list that phones can subscribe to.", list(placed(map(groupKeys, ["ring", "pickup", "notify_pickup"], 'a map such as { name: sales, members: ["101", "102"] }')), "a list of groups"), [], "none");
/** See `groupsKey`. */
export const listsKey = optional("Key lists: a phone with sixty lamps subscribes once (RFC 4662). What it sees of each member is what that member's `watchers` allow.", list(placed(map(listKeys, [], 'a map such as { id: lamps-front-desk, members: ["101", "102"] }')), "a list of lists"), [], "none");

/** A group as it was read. */
export type GroupReading = Placed<Reading<typeof groupKeys>>;
/** A list as it was read. */
export type ListReading = Placed<Reading<typeof listKeys>>;

/** Groups and lists by their names. */
export interface ManyNamed {
  readonly groups: readonly NamedPeople[];
  readonly lists: readonly (NamedPeople & { readonly title: string })[];
}

/** Takes what was read apart from its places. */
export function manyNamed(groups: readonly GroupReading[], lists: readonly ListReading[]): ManyNamed {
  return {
    groups: groups.map(({ value }) => ({ kind: "group", names: [value.name, value.id].filter(({ offset }) => offset >= 0), members: value.members })),
    lists: lists.map(({ value }) => ({ kind: "list", names: [value.id].filter(({ offset }) => offset >= 0), members: value.members, title: value.name })),
  };
}

/** The lists that phones may subscribe to: those of the file, then each group under each of its names. */
export function directoryLists({ groups, lists }: ManyNamed, names: PeopleNames): readonly DirectoryList[] {
  return [
    ...lists.flatMap((one) => one.names.map(({ value }) => ({ id: value, name: one.title === "" ? value : one.title, members: names.membersOf(one) }))),
    ...groups.flatMap((one) => one.names.map(({ value }) => ({ id: value, name: one.names[0]?.value ?? value, members: names.membersOf(one) }))),
  ];
}

/** Who shares a group with whom; for a member of one group alone it is that group's own array. */
export function fellowsOf(groups: readonly NamedPeople[], names: PeopleNames): (id: string) => readonly string[] {
  const groupsOf = new Map<string, (readonly string[])[]>();
  for (const group of groups) {
    const ids = names.membersOf(group);
    for (const id of ids) {
      const mine = groupsOf.get(id);
      if (mine === undefined) groupsOf.set(id, [ids]);
      else mine.push(ids);
    }
  }
  return (id) => {
    const [first, ...more] = groupsOf.get(id) ?? [];
    return more.length === 0 ? (first ?? []) : [...new Set([...(first ?? []), ...more.flat()])];
  };
}
