import { unreachable } from "../base/errors.ts";
import type { AdapterSettings, CalendarAdapter } from "./adapter.ts";

/** Makes the adapter of a calendar; what its kind needs is loaded only now. */
export async function openAdapter(settings: AdapterSettings): Promise<CalendarAdapter> {
  const { kind } = settings.calendar;
  switch (kind) {
    case "ics":
      return (await import("./ics-adapter.ts")).icsAdapter(settings);
    case "caldav":
      return (await import("./caldav-adapter.ts")).caldavAdapter(settings);
    case "ews":
      return (await import("./ews-adapter.ts")).ewsAdapter(settings);
    case "graph":
      return (await import("./graph-adapter.ts")).graphAdapter(settings);
    default:
      return unreachable(kind, "openAdapter");
  }
}
