import { activityName, type Activity } from "../documents/rpid.ts";
import type { SourceReport } from "./report.ts";
import type { Statement } from "./statement.ts";

/** What the store kept of one thing that was said. */
export type StoredStatement =
  | { readonly kind: "statement"; readonly statement: Statement; readonly since: number }
  | { readonly kind: "wish"; readonly isOn: boolean; readonly since: number };

/** What the store keeps of a report that was set through the API. */
export function storedStatement({ basic, activities, note, publishedAt, until }: SourceReport): unknown {
  return { since: publishedAt, activities, ...(basic === undefined ? {} : { basic }), ...(note === undefined ? {} : { note }), ...(until === undefined ? {} : { until }) };
}

/** Reads it back; null when it is none of ours. */
export function readStoredStatement(value: unknown): StoredStatement | null {
  if (typeof value !== "object" || value === null) return null;
  const { since, isOn, basic, activities, note, until }: Record<string, unknown> = { ...value };
  if (typeof since !== "number") return null;
  if (typeof isOn === "boolean") return { kind: "wish", isOn, since };
  if (!Array.isArray(activities)) return null;
  const read: Activity[] = activities.flatMap((each: unknown) => readActivity(each) ?? []);
  return {
    kind: "statement",
    since,
    statement: {
      activities: read,
      ...(basic === "open" || basic === "closed" ? { basic } : {}),
      ...(typeof note === "string" ? { note } : {}),
      ...(typeof until === "number" ? { until } : {}),
    },
  };
}

/** An activity that was written as JSON; null when it is none. */
export function readActivity(value: unknown): Activity | null {
  if (typeof value !== "object" || value === null) return null;
  const { name, from, until, text }: Record<string, unknown> = { ...value };
  const known = typeof name === "string" ? activityName(name) : null;
  if (known === null) return null;
  return {
    name: known,
    ...(typeof from === "number" ? { from } : {}),
    ...(typeof until === "number" ? { until } : {}),
    ...(typeof text === "string" ? { text } : {}),
  };
}
