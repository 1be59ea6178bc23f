/** A peer's mistake: answered with a SIP or HTTP status, never logged above `info`. `status` is the SIP answer it deserves. */
export class ParseError extends Error {
  override readonly name = "ParseError";
  readonly code = "parse_error";
  readonly status: number;
  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

/** The world's failure (a dead link, a full disk): whoever catches it names the fallback. */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError";
  readonly code = "unavailable";
}

/** The operator's mistakes, all of them at once: one line each, `FILE:LINE:COLUMN: what is wrong; what to write`. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "config_error";
  readonly mistakes: readonly string[];
  constructor(mistakes: readonly string[]) {
    super(mistakes.join("\n"));
    this.mistakes = mistakes;
  }
}

/** Our own mistake: fails the one call it met with 500, is logged as an error and counted. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
  readonly code = "invariant";
}

/** Ends a switch over a union, so that a new variant breaks the build wherever it is not handled. */
export function unreachable(value: never, where: string): never {
  throw new InvariantError(`${where}: unexpected ${JSON.stringify(value)}`);
}
