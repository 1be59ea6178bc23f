import { unreachable } from "../base/errors.ts";
import type { Clock } from "../base/clock.ts";
import type { CalendarConfig } from "../config/calendars-schema.ts";
import type { CalendarAdapter } from "./adapter.ts";

/** What an adapter is made of. */
export interface AdapterSettings {
  readonly calendar: CalendarConfig;
  /** IANA or Windows name of the zone of the people whom it reads: whole days and floating times are theirs. People of several zones have an adapter each. */
  readonly zone: string;
  readonly clock: Clock;
}

/** Makes the adapter of a calendar; what its kind needs is loaded only now. */
export async function openAdapter(settings: AdapterSettings): Promise<CalendarAdapter> {
  const { kind } = settings.calendar;
  switch (kind) {
    case "ics":
      return (await import("./ics-adapter.ts")).icsAdapter(settings);
    case "caldav":
      throw new Error(`calendars of kind ${kind} are not built in`);
    case "ews":
      return (await import("./ews-adapter.ts")).ewsAdapter(settings);
    case "graph":
      return (await import("./graph-adapter.ts")).graphAdapter(settings);
    default:
      return unreachable(kind, "openAdapter");
  }
}
