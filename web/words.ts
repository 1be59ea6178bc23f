import type { Presence, Tile } from "./facts.ts";

/** What a lamp shows at a glance. Each has its own shape, so that colour is never the only sign. */
export type Tone = "ringing" | "calling" | "talking" | "held" | "dnd" | "busy" | "meeting" | "vacation" | "away" | "free" | "off";

const LAMPS: ReadonlyMap<string, Tone> = new Map([["ringing", "ringing"], ["calling", "calling"], ["talking", "talking"], ["held", "held"]]);
const ACTIVITIES: ReadonlyMap<string, Tone> = new Map([
  ["on-the-phone", "talking"], ["busy", "busy"], ["meeting", "meeting"], ["appointment", "meeting"], ["presentation", "meeting"], ["performance", "meeting"], ["worship", "meeting"],
  ["vacation", "vacation"], ["holiday", "vacation"], ["permanent-absence", "vacation"], ["travel", "vacation"], ["in-transit", "away"], ["away", "away"], ["meal", "away"], ["breakfast", "away"],
  ["dinner", "away"], ["shopping", "away"], ["sleeping", "away"], ["steering", "away"], ["playing", "away"], ["spectator", "away"], ["tv", "away"], ["looking-for-work", "away"],
]);
const NAMES: ReadonlyMap<string, string> = new Map([
  ["on-the-phone", "On the phone"], ["meeting", "In a meeting"], ["appointment", "Busy"], ["vacation", "Out of office"], ["in-transit", "On the way"], ["meal", "Lunch"], ["permanent-absence", "Has left"],
  ["steering", "Driving"], ["tv", "Watching television"], ["presentation", "Presenting"],
]);
const TONES: Readonly<Record<Tone, string>> = {
  ringing: "Ringing", calling: "Calling", talking: "On the phone", held: "On hold", dnd: "Do not disturb", busy: "Busy", meeting: "In a meeting", vacation: "Out of office", away: "Away", free: "Available", off: "Offline",
};

/** The tone of a state, with the lamp first: what happens on the phone is seen before all else. */
export function toneOf(presence: Presence, lampState = "idle"): Tone {
  const onPhone = LAMPS.get(lampState);
  if (onPhone !== undefined) return onPhone;
  if (presence.source === "do-not-disturb") return "dnd";
  for (const activity of presence.activities) {
    const tone = ACTIVITIES.get(activity);
    if (tone !== undefined) return tone === "busy" && /^do not disturb$/i.test(presence.note) ? "dnd" : tone;
  }
  return presence.basic === "open" ? "free" : "off";
}

/** What a state is called: `In a meeting`. */
export function stateName(presence: Presence, tone: Tone): string {
  if (tone === "ringing" || tone === "calling" || tone === "held" || tone === "dnd") return TONES[tone];
  const [activity] = presence.activities;
  if (activity === undefined || activity === "other" || activity === "unknown") return tone === "talking" ? TONES.talking : activity === undefined ? TONES[tone] : presence.note;
  return tone === "talking" ? TONES.talking : (NAMES.get(activity) ?? sentence(activity));
}

/** The note, where it says more than the name of the state. */
export function ownNote(presence: Presence, name: string): string {
  const { note } = presence;
  const said = [name, ...Object.values(TONES)].map((text) => text.toLowerCase());
  return said.includes(note.toLowerCase()) ? "" : note;
}

/** What comes next, in a few words: `until 15:00`. */
export function nextWords(next: Tile["next"], now: number): string {
  if (next?.at == null) return "";
  return `until ${clockTime(next.at, now)}`;
}

/** `15:00` today, `Mon 15:00` on another day. */
export function clockTime(iso: string, now: number): string {
  const at = new Date(iso);
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (at.toDateString() === new Date(now).toDateString()) return time;
  const days = Math.abs(at.getTime() - now) / 86_400_000;
  return `${at.toLocaleDateString([], days < 6 ? { weekday: "short" } : { day: "numeric", month: "short" })} ${time}`;
}

/** How long since: `0:42` in a call, else `5 min`, `2 h`, `3 days`. */
export function elapsed(sinceMs: number, now: number, isCall: boolean): string {
  const seconds = Math.max(0, Math.floor((now - sinceMs) / 1000));
  const two = (value: number): string => String(value).padStart(2, "0");
  if (isCall) {
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    return hours > 0 ? `${String(hours)}:${two(minutes)}:${two(seconds % 60)}` : `${String(minutes)}:${two(seconds % 60)}`;
  }
  if (seconds < 60) return "now";
  if (seconds < 3600) return `${String(Math.floor(seconds / 60))} min`;
  if (seconds < 86_400) return `${String(Math.floor(seconds / 3600))} h ${two(Math.floor(seconds / 60) % 60)}`;
  const days = Math.floor(seconds / 86_400);
  return days === 1 ? "1 day" : `${String(days)} days`;
}

const SOURCES: Readonly<Record<string, string>> = {
  dialog: "A call", override: "Own choice", "do-not-disturb": "Do not disturb", calendar: "Calendar", publish: "Phone's word", api: "A program", registration: "Registration",
};

/** A source in plain words. */
export function sourceName(source: string): string {
  return SOURCES[source] ?? sentence(source);
}

/** `sip:101@tel.example.test` as people write it. */
export function shortAddress(uri: string): string {
  return uri.replace(/^sips?:/i, "").replace(/[;?].*$/, "");
}

/** The part before the host. */
export function userPart(uri: string): string {
  return shortAddress(uri).replace(/@.*$/, "");
}

/** `Looking for work` of `looking-for-work`. */
export function sentence(word: string): string {
  const text = word.replaceAll("-", " ").replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
