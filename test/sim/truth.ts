import type { Office } from "./office.ts";

/** Lit as a dialog document says it: the state of its liveliest dialog. */
export function lampOf(body: string): "dark" | "ringing" | "talking" {
  if (body.includes("<state>early</state>")) return "ringing";
  return body.includes("<state>confirmed</state>") ? "talking" : "dark";
}

/** What a presence document shows: an activity, empty for none, and whether the person can be reached. */
export function presenceOf(body: string): string {
  const activity = /<rpid:(on-the-phone|away|busy|meal)\/>/.exec(body)?.[1] ?? "";
  return `${activity} ${/<basic>(\w+)<\/basic>/.exec(body)?.[1] ?? "?"}`;
}

/** The merge rule: a call beats a publication, of those the newest wins, a publication beats registrations. Null while it cannot be told. */
export function truePresence(office: Office, user: string, isTalking: boolean): string | null {
  const { phones, clock } = office;
  const now = clock.now();
  const own = phones.filter((phone) => phone.options.user === user);
  const live = own.flatMap((phone) => phone.publication ?? []).sort((a, b) => b.answeredMs - a.answeredMs);
  const [said, other] = live;
  const isUnsure = own.some((phone) => phone.isPublishing) || live.some((one) => one.untilMs < now + 2000) || (said !== undefined && other !== undefined && said.sentMs <= other.answeredMs);
  if (isUnsure) return null;
  const isReachable = isTalking || said !== undefined || own.some((phone) => phone.isRegistered);
  return `${isTalking ? "on-the-phone" : (said?.activity ?? "")} ${isReachable ? "open" : "closed"}`;
}
