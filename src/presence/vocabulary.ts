import type { Basic } from "../documents/pidf.ts";
import { activityName, type Activity, type ActivityName } from "../documents/rpid.ts";

/** What a status text of a phone means. */
export interface Meaning {
  /** Null for plain "available" and for "offline". */
  readonly activity: Activity | null;
  /** Only "offline" says anything about reachability. */
  readonly basic?: Basic;
  readonly note: string;
}

const say = (note: string, activity: ActivityName | null): Meaning => ({ activity: activity === null ? null : { name: activity }, note });

/** The `im:` vocabulary of Snom and its neighbours, by lower-case words. */
const MEANINGS: ReadonlyMap<string, Meaning> = new Map([
  ["available", say("Available", null)],
  ["online", say("Available", null)],
  ["away", say("Away", "away")],
  ["busy", say("Busy", "busy")],
  ["lunch", say("Lunch", "meal")],
  ["be right back", say("Be right back", "away")],
  ["brb", say("Be right back", "away")],
  ["on the phone", say("On the phone", "on-the-phone")],
  ["do not disturb", say("Do not disturb", "busy")],
  ["dnd", say("Do not disturb", "busy")],
  ["out to lunch", say("Out to lunch", "meal")],
  ["meeting", say("Meeting", "meeting")],
  ["holiday", say("Holiday", "vacation")],
  ["offline", { activity: null, basic: "closed" as const, note: "Offline" }],
]);

/** What a status text means, whatever its case and hyphens. A text that nobody knows is activity `other` with that text as its note. */
export function meaningOf(text: string): Meaning {
  const trimmed = text.trim();
  const words = trimmed.toLowerCase().replace(/[\s_-]+/g, " ");
  const known = MEANINGS.get(words);
  if (known !== undefined) return known;
  const name = activityName(words.replaceAll(" ", "-"));
  if (name !== null && name !== "other" && name !== "unknown") return { activity: { name }, note: trimmed };
  return { activity: { name: "other", text: trimmed }, note: trimmed };
}

const NOTES: ReadonlyMap<ActivityName, string> = new Map([
  ["appointment", "Busy"],
  ["meal", "Lunch"],
  ["meeting", "In a meeting"],
  ["vacation", "Out of office"],
  ["tv", "Watching TV"],
]);

/** The note for a state whose source wrote none: `On the phone`, `In a meeting`, `Available`, `Offline`. */
export function defaultNote(activities: readonly Activity[], basic: Basic): string {
  const first = activities[0];
  if (first === undefined || first.name === "unknown") return basic === "open" ? "Available" : "Offline";
  if (first.name === "other" && first.text !== undefined) return first.text;
  const known = NOTES.get(first.name);
  if (known !== undefined) return known;
  const words = first.name.replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
