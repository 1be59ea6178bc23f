import type { Aor } from "../base/ids.ts";
import type { CalendarConfig } from "../config/calendars-schema.ts";
import type { User } from "../directory/user.ts";

/** One adapter's work: the mailboxes of one calendar in one time zone, and for whom each speaks. */
export interface PollPlan {
  readonly calendar: CalendarConfig;
  readonly zone: string;
  /** By mailbox; a shared calendar has the one mailbox "". */
  readonly people: ReadonlyMap<string, readonly Aor[]>;
}

/** Who is polled where. `zone` is that of people and calendars that name none; `find` gives the person whom a name of the configuration means. People without a
 *  mailbox have no calendar of their own; shared calendars speak for them all the same. */
export function pollPlans(calendars: readonly CalendarConfig[], users: readonly User[], zone: string, find: (name: string) => Aor | null): readonly PollPlan[] {
  return calendars.flatMap((calendar) => {
    const wanted = calendar.users === "all" ? null : new Set(calendar.users.map(find));
    const people = users.filter(({ aor }) => wanted === null || wanted.has(aor));
    const isOwn = calendar.kind !== "ics" || calendar.url.includes("{mailbox}");
    // An address that one person alone is named for is his own: what he declined there says nothing.
    const isHis = isOwn || (calendar.users !== "all" && people.length === 1);
    const byZone = new Map<string, Map<string, Aor[]>>();
    for (const { aor, mailbox, timeZone } of people) {
      if (isOwn && mailbox === undefined) continue;
      const place = timeZone ?? calendar.zone ?? zone;
      const mailboxes = byZone.get(place) ?? new Map<string, Aor[]>();
      byZone.set(place, mailboxes);
      const name = isHis ? (mailbox ?? "") : "";
      const owners = mailboxes.get(name);
      if (owners === undefined) mailboxes.set(name, [aor]);
      else owners.push(aor);
    }
    return [...byZone].map(([place, mailboxes]) => ({ calendar, zone: place, people: mailboxes }));
  });
}
