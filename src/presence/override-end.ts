import type { SourceReport } from "./report.ts";

/** When a person's own choice ends: at its expiry, or where a calendar entry begins or ends after it was made, whichever comes first; undefined when
 *  nothing ends it. It depends on what is said alone, never on the order in which it came. */
export function overrideEnd(choice: SourceReport, reports: readonly SourceReport[]): number | undefined {
  let end = choice.until;
  if (choice.untilBoundary !== true) return end;
  for (const { source, from, until, silence } of reports) {
    if (source !== "calendar" || silence !== undefined) continue;
    for (const boundary of [from, until]) {
      if (boundary !== undefined && boundary > choice.publishedAt && (end === undefined || boundary < end)) end = boundary;
    }
  }
  return end;
}

/** The same reports, with the end that each choice really has; mostly the same list. */
export function settled(reports: readonly SourceReport[]): readonly SourceReport[] {
  for (const report of reports) if (report.untilBoundary === true) return reports.map((each) => withEnd(each, reports));
  return reports;
}

function withEnd(report: SourceReport, reports: readonly SourceReport[]): SourceReport {
  const end = overrideEnd(report, reports);
  return end === report.until || end === undefined ? report : { ...report, until: end };
}
