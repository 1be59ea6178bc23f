/** For how long one chooses a state. */
export const ENDS = [
  { key: "", name: "I change it" },
  { key: "30m", name: "in 30 minutes" },
  { key: "1h", name: "in an hour" },
  { key: "2h", name: "in two hours" },
  { key: "day", name: "the end of the day" },
  { key: "morning", name: "tomorrow morning" },
] as const;

const DAY_ENDS = 18;
const DAY_BEGINS = 8;

/** Seconds until that end; null when there is none. */
export function secondsUntil(key: string, now: Date): number | null {
  const [, count = "", unit] = /^(\d+)([mh])$/.exec(key) ?? [];
  if (unit !== undefined) return Number(count) * (unit === "m" ? 60 : 3600);
  if (key !== "day" && key !== "morning") return null;
  const end = new Date(now);
  if (key === "day") end.setHours(now.getHours() < DAY_ENDS ? DAY_ENDS : 24, 0, 0, 0);
  else {
    end.setDate(end.getDate() + 1);
    end.setHours(DAY_BEGINS, 0, 0, 0);
  }
  return Math.max(60, Math.round((end.getTime() - now.getTime()) / 1000));
}
