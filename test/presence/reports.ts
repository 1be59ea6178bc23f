import { aorOf } from "../../src/base/ids.ts";
import type { MergeSettings } from "../../src/presence/merge-settings.ts";
import type { SourceReport } from "../../src/presence/report.ts";

/** The person that all these reports are about, and a moment to merge at. */
export const bob = aorOf("2101", "tel.beip.be");
export const noon = Date.UTC(2026, 10, 20, 12);

/** The configuration's defaults. */
export const defaults: MergeSettings = { primarySource: "calendar", early: "ringing", basicFrom: "reachability" };

type Facts = Partial<Omit<SourceReport, "source" | "presentity">>;

const base = { presentity: bob, activities: [], publishedAt: noon - 60_000 };

export const registered = (facts: Facts = {}): SourceReport => ({ ...base, source: "registration", kind: "registration", key: "binding-1", basic: "open", ...facts });
export const publication = (facts: Facts = {}): SourceReport => ({ ...base, source: "publish", kind: "publish", key: "etag-1", until: noon + 3_600_000, ...facts });
export const apiState = (facts: Facts = {}): SourceReport => ({ ...base, source: "api", kind: "api", key: "script", ...facts });
export const override = (facts: Facts = {}): SourceReport => ({ ...base, source: "override", kind: "override", key: "page", ...facts });
export const doNotDisturb = (facts: Facts = {}): SourceReport => ({ ...base, source: "do-not-disturb", kind: "do-not-disturb", key: "dnd", activities: [{ name: "busy" }], ...facts });
export const calendar = (facts: Facts = {}): SourceReport => ({ ...base, source: "calendar", kind: "calendar", key: "exchange", activities: [{ name: "meeting" }], ...facts });
export const call = (facts: Facts = {}): SourceReport => ({ ...base, source: "dialog", kind: "confirmed", key: "dialog-1", activities: [{ name: "on-the-phone" }], ...facts });
export const ringing = (facts: Facts = {}): SourceReport => call({ kind: "early", key: "dialog-2", ...facts });
