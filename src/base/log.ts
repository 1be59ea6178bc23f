import { pino } from "pino";

/** The field names that log lines use: one name for one thing in the whole server. */
export interface LogFields {
  readonly callId?: string;
  readonly aor?: string;
  readonly method?: string;
  readonly status?: number;
  readonly peer?: string;
  readonly protocol?: string;
  readonly event?: string;
  readonly watcher?: string;
  readonly listener?: string;
  readonly source?: string;
  readonly reason?: string;
  readonly count?: number;
  readonly durationMs?: number;
  readonly path?: string;
  readonly err?: unknown;
  readonly message?: string;
}

/** A structured log. `info` is what an operator wants to read in peace, `warn` what he should look at, `error` what is our fault. */
export interface Log {
  debug(fields: LogFields, text: string): void;
  info(fields: LogFields, text: string): void;
  warn(fields: LogFields, text: string): void;
  error(fields: LogFields, text: string): void;
  /** True when `debug` lines are written: ask before building costly fields. */
  readonly isDebug: boolean;
}

/** How much is written; `silent` writes nothing. */
export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** JSON lines on standard output, or to `write` (for tests), buffered so that logging never waits for the disk. */
export function createLog(level: LogLevel, write?: (line: string) => void): Log {
  const destination = write === undefined ? pino.destination({ fd: 1, sync: false, minLength: 4096, periodicFlush: 200 }) : { write };
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  return {
    debug: (fields, text) => {
      logger.debug(fields, text);
    },
    info: (fields, text) => {
      logger.info(fields, text);
    },
    warn: (fields, text) => {
      logger.warn(fields, text);
    },
    error: (fields, text) => {
      logger.error(fields, text);
    },
    isDebug: logger.isLevelEnabled("debug"),
  };
}

/** A log that keeps nothing. */
export const silentLog: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore, isDebug: false };

function ignore(): void {
  /* a silent log drops its lines on purpose */
}

const SECRET = /((?:^|\r?\n)(?:Proxy-)?Authorization[ \t]*:[ \t]*)(?:[^\r\n]|\r?\n[ \t])*/gi;

/** A message as it may be logged: the values of Authorization and Proxy-Authorization are struck out. */
export function withoutCredentials(text: string): string {
  return text.replace(SECRET, "$1(struck out)");
}
