import type { CalendarEntry, EntryKind } from "./entry.ts";
import { textOf, type ICalComponent, type ICalProperty } from "./ical-text.ts";

/** What an event says about its owner, whenever it takes place. */
export type EventMeaning = Pick<CalendarEntry, "kind" | "hasAttendees" | "isPrivate">;

/** Whose calendar it is: addresses in lower case, without `mailto:`; empty for a calendar that is nobody's own. */
export type Owner = readonly string[];

/** What an event says; null when it says nothing: cancelled, transparent, free, or declined by the owner. An invitation that he has not answered is tentative.
 *  With `countsTransparent` an event that blocks no time counts too, as holidays do. */
export function eventMeaning(event: ICalComponent, owner: Owner, countsTransparent: boolean): EventMeaning | null {
  if (wordOf(event, "status") === "CANCELLED") return null;
  const busyStatus = wordOf(event, "x-microsoft-cdo-busystatus");
  if (!countsTransparent && (wordOf(event, "transp") === "TRANSPARENT" || busyStatus === "FREE")) return null;
  const attendees = event.properties.filter(({ name }) => name === "attendee");
  const own = attendees.filter((attendee) => owner.includes(addressOf(attendee)));
  const answers = own.map((attendee) => attendee.parameters.get("partstat")?.toUpperCase() ?? "NEEDS-ACTION");
  if (answers.length > 0 && answers.every((answer) => answer === "DECLINED" || answer === "DELEGATED")) return null;
  const isUncertain = wordOf(event, "status") === "TENTATIVE" || (answers.length > 0 && !isOrganizer(event, owner) && answers.every((answer) => answer !== "ACCEPTED"));
  return { kind: kindOf(busyStatus, isUncertain), hasAttendees: meetsOthers(event, attendees, owner), isPrivate: ["PRIVATE", "CONFIDENTIAL"].includes(wordOf(event, "class")) };
}

function kindOf(busyStatus: string, isUncertain: boolean): EntryKind {
  if (busyStatus === "OOF") return "out-of-office";
  if (busyStatus === "WORKINGELSEWHERE") return "working-elsewhere";
  return busyStatus === "TENTATIVE" || isUncertain ? "tentative" : "busy";
}

/** Whether anybody but the owner takes part: rooms and things do not. */
function meetsOthers(event: ICalComponent, attendees: readonly ICalProperty[], owner: Owner): boolean {
  const people = attendees.filter((attendee) => !["ROOM", "RESOURCE"].includes(attendee.parameters.get("cutype")?.toUpperCase() ?? ""));
  if (people.length === 0) return false;
  const organizer = event.properties.find(({ name }) => name === "organizer");
  const addresses = new Set([...people, ...(organizer === undefined ? [] : [organizer])].map(addressOf));
  const others = [...addresses].filter((address) => !owner.includes(address)).length;
  // Of a calendar whose owner is not known, one of those named is he.
  return others > (others === addresses.size ? 1 : 0);
}

function isOrganizer(event: ICalComponent, owner: Owner): boolean {
  return event.properties.some((property) => property.name === "organizer" && owner.includes(addressOf(property)));
}

function addressOf({ values }: ICalProperty): string {
  const [value] = values;
  return typeof value === "string" ? value.trim().toLowerCase().replace(/^mailto:/, "") : "";
}

function wordOf(event: ICalComponent, name: string): string {
  return textOf(event, name).trim().toUpperCase();
}
