import type { Cancel } from "../base/clock.ts";
import type { Aor } from "../base/ids.ts";
import type { SourceName, SourceReport } from "./report.ts";

/** A source whose facts another part of the server keeps in memory: it is asked for its reports, so that no fact is kept twice. */
export interface AskedSource {
  readonly name: SourceName;
  /** What it says about a person now; keys are distinct. */
  reportsOf(aor: Aor): readonly SourceReport[];
  /** Calls `listener` at once, after what it says about a person may have changed. */
  onChange(listener: (aor: Aor) => void): Cancel;
}

/** Where all other sources say what they believe. */
export interface ReportSink {
  /** A report replaces the last one with its source, presentity and key. False when that person has too many of that source: it is not taken. */
  report(report: SourceReport): boolean;
  /** Takes a report back; one that is not there is no mistake. */
  withdraw(source: SourceName, presentity: Aor, key: string): void;
}
