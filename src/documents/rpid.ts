/** The activities of RPID (RFC 4480 §3.2), in its order. */
export const ACTIVITY_NAMES = [
  "appointment", "away", "breakfast", "busy", "dinner", "holiday", "in-transit", "looking-for-work", "meal", "meeting", "on-the-phone",
  "performance", "permanent-absence", "playing", "presentation", "shopping", "sleeping", "spectator", "steering", "travel", "tv", "vacation",
  "working", "worship", "other", "unknown",
] as const;

/** The name of an RPID activity, as documents, the API and the configuration write it: `on-the-phone`. */
export type ActivityName = (typeof ACTIVITY_NAMES)[number];

/** What a person is doing. */
export interface Activity {
  readonly name: ActivityName;
  /** Since when and until when, ms since 1970, where the source knows. */
  readonly from?: number;
  readonly until?: number;
  /** What `other` means, in the source's words. */
  readonly text?: string;
}

const known: ReadonlyMap<string, ActivityName> = new Map(ACTIVITY_NAMES.map((name) => [name, name]));

/** The activity of that name; null when RPID has none (the comparison is exact). */
export function activityName(text: string): ActivityName | null {
  return known.get(text) ?? null;
}
