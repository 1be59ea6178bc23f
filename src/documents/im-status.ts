import type { PidfState } from "./pidf.ts";
import type { ActivityName } from "./rpid.ts";

const WORDS: ReadonlyMap<ActivityName, string> = new Map([
  ["on-the-phone", "On the phone"],
  ["away", "Away"],
  ["meal", "Lunch"],
  ["breakfast", "Lunch"],
  ["dinner", "Lunch"],
  ["meeting", "Meeting"],
  ["presentation", "Meeting"],
  ["vacation", "Holiday"],
  ["holiday", "Holiday"],
  ["permanent-absence", "Holiday"],
  ["other", "Away"],
]);

/** The word of the old `im:` vocabulary that comes nearest to a state: what `<im:im>` shows on a phone that knows no RPID. */
export function imWord({ basic, activities, note }: Pick<PidfState, "basic" | "activities" | "note">): string {
  const name = activities[0]?.name;
  if (name === undefined || name === "unknown" || name === "working") return basic === "open" ? "Available" : "Offline";
  if (name === "busy") return note === "Do not disturb" ? note : "Busy";
  return WORDS.get(name) ?? (name === "appointment" ? "Busy" : "Away");
}
