import { createHash } from "node:crypto";
import { watch, type FSWatcher } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { AdapterSettings, CalendarAdapter, Reading, Span } from "./adapter.ts";
import { calendarLimits, parseCalendar, type ParsedCalendar } from "./icalendar.ts";
import { icsWeb, type IcsWeb } from "./ics-web.ts";
import { webFailure } from "./web-failure.ts";

type Failure = Reading & { readonly kind: "failure" };

/** What was read last from one place, and by what the place says that it is still the same. */
interface Kept {
  readonly mark: string;
  /** Of its bytes, for places that do not say. */
  readonly digest: string;
  readonly calendar: ParsedCalendar | Failure;
}

/** What was over so long ago is not kept: nobody asks for it again, and it is most of a calendar. */
const PAST_MS = 2 * 86_400_000;

/** A calendar that is a file or a web address in iCalendar format; with `{mailbox}` in its address one for each person. What has not changed is not read again. */
export function icsAdapter(settings: AdapterSettings): CalendarAdapter {
  return new IcsAdapter(settings);
}

class IcsAdapter implements CalendarAdapter {
  readonly batchSize = 1;
  readonly #settings: AdapterSettings;
  readonly #kept = new Map<string, Kept>();
  readonly #web: IcsWeb | null;
  #watcher: FSWatcher | null = null;

  constructor(settings: AdapterSettings) {
    this.#settings = settings;
    this.#web = settings.calendar.url.startsWith("file:") ? null : icsWeb(settings);
  }

  async read(mailboxes: readonly string[], span: Span, signal: AbortSignal): Promise<ReadonlyMap<string, Reading>> {
    const readings = new Map<string, Reading>();
    for (const mailbox of mailboxes) {
      const calendar = this.#web === null ? await this.#file(mailbox) : await this.#address(this.#web, mailbox, signal);
      readings.set(mailbox, calendar.kind === "calendar" ? calendar.entries(span) : calendar);
    }
    return readings;
  }

  /** The folder is watched, not the file: programs put a new file in the place of the old. */
  watch(onChange: (mailbox?: string) => void): void {
    if (this.#web !== null) return;
    try {
      this.#watcher = watch(dirname(fileURLToPath(this.#settings.calendar.url.replaceAll("{mailbox}", "mailbox"))), { persistent: false }, () => {
        onChange();
      });
      this.#watcher.on("error", () => {
        this.#watcher?.close();
      });
    } catch {
      // Where nothing can be watched the poll finds what is new.
      this.#watcher = null;
    }
  }

  async close(): Promise<void> {
    this.#watcher?.close();
    await this.#web?.close();
  }

  async #file(mailbox: string): Promise<ParsedCalendar | Failure> {
    let path: string;
    try {
      path = fileURLToPath(this.#url(mailbox));
    } catch {
      return webFailure("not-found", "a mailbox of that name can have no file");
    }
    try {
      const { mtimeMs, size, ino, isDirectory } = await statOf(path);
      if (isDirectory) return webFailure("unreadable", "the calendar's path is a folder");
      if (size > calendarLimits.textMax) return webFailure("too-large", `the calendar's file has more than ${String(calendarLimits.textMax >> 20)} MB`);
      const mark = `${String(mtimeMs)} ${String(size)} ${String(ino)}`;
      const kept = this.#kept.get(mailbox);
      return kept?.mark === mark ? kept.calendar : this.#keep(mailbox, mark, [await readFile(path)]);
    } catch (cause) {
      const code = cause instanceof Error && "code" in cause ? cause.code : "";
      if (code === "ENOENT" || code === "ENOTDIR") return webFailure("not-found", "the calendar's file is not there");
      if (code === "EACCES" || code === "EPERM") return webFailure("permission", "the calendar's file may not be read");
      return webFailure("connection", `the calendar's file cannot be read${typeof code === "string" ? ` (${code})` : ""}`);
    }
  }

  async #address(web: IcsWeb, mailbox: string, signal: AbortSignal): Promise<ParsedCalendar | Failure> {
    const kept = this.#kept.get(mailbox);
    const answer = await web.get(this.#url(mailbox), kept?.mark ?? null, signal);
    if (answer.kind === "failure") return answer;
    if (answer.kind === "unchanged") return kept?.calendar ?? webFailure("unreadable", "the server says that nothing changed, though nothing was there before");
    return this.#keep(mailbox, answer.mark, answer.parts);
  }

  #keep(mailbox: string, mark: string, parts: readonly Buffer[]): ParsedCalendar | Failure {
    const { calendar, zone, clock } = this.#settings;
    const hash = createHash("blake2b512");
    for (const part of parts) hash.update(part);
    const digest = hash.digest("base64");
    const kept = this.#kept.get(mailbox);
    if (kept?.digest === digest && kept.calendar.kind === "calendar") {
      this.#kept.set(mailbox, { ...kept, mark });
      return kept.calendar;
    }
    const parsed = parseCalendar(Buffer.concat(parts).toString("utf8"), { owner: mailbox === "" ? [] : [mailbox], zone, countsTransparent: calendar.as !== null, since: clock.now() - PAST_MS });
    // What could not be read is asked for whole the next time.
    this.#kept.set(mailbox, { mark: parsed.kind === "calendar" ? mark : "", digest, calendar: parsed });
    return parsed;
  }

  #url(mailbox: string): string {
    return this.#settings.calendar.url.replaceAll("{mailbox}", encodeURIComponent(mailbox));
  }
}

async function statOf(path: string): Promise<{ readonly mtimeMs: number; readonly size: number; readonly ino: number; readonly isDirectory: boolean }> {
  const found = await stat(path);
  return { mtimeMs: found.mtimeMs, size: found.size, ino: found.ino, isDirectory: found.isDirectory() };
}
