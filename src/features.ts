import type { Feature } from "./proxy/feature.ts";
import type { AskedSource } from "./presence/source.ts";
import type { EventPackage } from "./subscription/event-package.ts";

/** The parts that a server offers as call features, by name. */
export interface FeatureParts {
  readonly options: Feature;
  readonly authentication: Feature;
  readonly registrar: Feature;
  readonly subscription: Feature;
}

/** What a request is asked through, in this order: each returns a verdict, the next is asked while it says `continue`. */
export function callFeatures(parts: FeatureParts): readonly Feature[] {
  return [parts.options, parts.authentication, parts.registrar, parts.subscription];
}

/** The event packages that can be subscribed to, by name. */
export interface PackageParts {
  readonly presence: EventPackage;
  readonly dialog: EventPackage;
  readonly messageSummary: EventPackage;
  readonly reg: EventPackage;
  readonly featureEvent: EventPackage;
  /** Who watches: of `presence`, of `dialog`. */
  readonly presenceWatchers: EventPackage;
  readonly dialogWatchers: EventPackage;
}

/** The event packages, in the order in which Allow-Events names them. */
export function eventPackages(parts: PackageParts): readonly EventPackage[] {
  return [parts.presence, parts.dialog, parts.messageSummary, parts.reg, parts.featureEvent, parts.presenceWatchers, parts.dialogWatchers];
}

/** The sources that are asked what they know of a person; publications report by themselves (event package `presence`). */
export interface SourceParts {
  readonly dialog: AskedSource;
  readonly registration: AskedSource;
}

/** What speaks for a person's state; who wins is the merge's affair, not this order's. */
export function presenceSources(parts: SourceParts): readonly AskedSource[] {
  return [parts.dialog, parts.registration];
}
