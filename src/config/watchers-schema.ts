import type { DirectoryWatchers } from "./config.ts";
import type { PeopleNames } from "./people-names.ts";
import { choice, list, map, optional, placed } from "./reader.ts";
import type { Key, Placed, Reader, Reading } from "./reader.ts";
import { text } from "./text.ts";

/** A name of people as it stands in a list of the directory. */
export const peopleName: Reader<Placed<string>> = placed(text('the id of a user such as "102", a group or a list', 1, 256));

const people = list(peopleName, 'a list such as ["102", sales]');

/** `domain`, `groups`, or names. */
type Allowed = "domain" | "groups" | "default" | readonly Placed<string>[];

const allowed: Reader<Allowed> = {
  wants: 'domain, groups, or a list such as ["102", sales]',
  read(value, name, context) {
    if (value.kind === "scalar") {
      const word = value.text;
      if (word === "domain" || word === "groups") return word;
      context.report.mistake(value.offset, `${JSON.stringify(value.text.slice(0, 40))} does not fit "${name}"`, `write ${this.wants}`);
      return undefined;
    }
    return people.read(value, name, context);
  },
};

const watchersKeys = {
  allow: optional("Who may watch: `domain` (everyone of this server), `groups` (those who are in a group with this person), or ids, groups and lists by name.", allowed, "default" as Allowed, "as `presence.anyone_in_domain_may_watch` says"),
  polite_block: optional("They see somebody who is always offline, and nothing tells them that they are blocked.", people, [], "`[]`"),
  block: optional("They are refused (403); what they watch already ends.", people, [], "`[]`"),
  others: optional("What those get whom none of these keys names: `block` refuses them, `ask` keeps their subscription waiting (this person's phone can see them: `presence.winfo`) until they are named.", choice(["block", "ask"]), "block", "`block`"),
  messages: optional("Who may see this person's message lamp, beside himself: a secretary.", people, [], "`[]`"),
};

/** Who may watch one person. */
export type WatchersReading = Placed<Reading<typeof watchersKeys>>;

/** The key `watchers` of a user. */
export const watchersKey: Key<WatchersReading> = optional(
  "Who may see this person's state and lamp. The strictest key that names a watcher counts: `block`, then `polite_block`, then `allow`.",
  placed(map(watchersKeys, [], 'a map such as { allow: domain, polite_block: ["104"] }')),
  { value: { allow: "default", polite_block: [], block: [], others: "block", messages: [] }, offset: -1 },
  "",
);

/** What the directory says of a person's watchers; undefined when it says nothing. `fellows`: the ids of all who share a group with him. */
export function watchersOf({ value, offset }: WatchersReading, names: PeopleNames, fellows: () => readonly string[], everyoneMayWatch: boolean): DirectoryWatchers | undefined {
  if (offset < 0) return undefined;
  const { allow, others } = value;
  const named = allow === "default" ? (everyoneMayWatch ? "domain" : []) : allow === "domain" ? allow : allow === "groups" ? fellows() : names.idsOf(allow);
  return { allow: named, politeBlock: names.idsOf(value.polite_block), block: names.idsOf(value.block), others, messages: names.idsOf(value.messages) };
}
