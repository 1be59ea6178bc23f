/** True for what may be read by names: an object, of whatever kind. What was JSON is looked at in this way, field by field. */
export function hasFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
