import { systemClock, type Clock } from "./base/clock.ts";
import { ConfigError, UnavailableError } from "./base/errors.ts";
import { isWildcard } from "./config/address.ts";
import type { WebConfig } from "./config/config.ts";
import { loadConfig } from "./config/loader.ts";
import { listText, objectsOf, SUBJECTS, textOf, whyText, type Subject } from "./query-text.ts";
import { pastMoment } from "./query-time.ts";
import { plainLook, type Look } from "./terminal.ts";

/** What `lamplight show` and `lamplight why` were asked. */
export type Query =
  | { readonly kind: "show"; readonly what: string; readonly aor: string | null; readonly isJson: boolean }
  /** `at`: a moment that is over, as `pastMoment` reads it; null for now. */
  | { readonly kind: "why"; readonly aor: string; readonly at: string | null; readonly isJson: boolean };

type Environment = Readonly<Record<string, string | undefined>>;

/** How often `--watch` looks again. */
export const WATCH_MS = 2000;

/** How long a server may take to answer. */
const ANSWER_MS_MAX = 10_000;
/** Somebody has pressed Tab and waits. */
const COMPLETION_MS_MAX = 1000;

/** Asks the running server that the configuration names, and prints what it knows; the exit code is 0. Throws ConfigError for a mistake of
 *  the configuration or the arguments (exit 2), UnavailableError when there is no answer (exit 1): one line each. */
export async function runQuery(query: Query, configPath: string, env: Environment, print: (text: string) => void, look: Look = plainLook): Promise<number> {
  const now = systemClock.now();
  const at = query.kind === "why" && query.at !== null ? pastMoment(query.at, now) : null;
  const subject = query.kind === "show" ? subjectOf(query.what) : null;
  const ask = asker(loadConfig(configPath, env, systemClock.now()).config.web);
  // The server knows aliases and numbers; the answer names the person by his AoR.
  const aor = query.aor === null ? null : textOf(objectsOf(await ask(`presence/${encodeURIComponent(query.aor)}`))[0] ?? {}, "aor");
  const answer = subject === null ? await ask(`presence/${encodeURIComponent(aor ?? "")}/why${at === null ? "" : `?at=${new Date(at).toISOString()}`}`) : concerning(subject, aor, await ask(pathOf(subject, aor)));
  if (query.isJson) print(`${JSON.stringify(answer, null, 2)}\n`);
  else print(subject === null ? whyText(objectsOf(answer)[0] ?? {}, at ?? now, look) : listText(subject, answer, now, look));
  return 0;
}

/** Asks again and again, each time in place of what stood there (`replace`), until `untilEnd` resolves; a server that is away for a while is said so. JSON is printed one answer after the other.
 *  Throws ConfigError as `runQuery` does. */
export async function watchQuery(query: Query, configPath: string, env: Environment, screen: { readonly replace: (text: string) => void; readonly look: () => Look }, untilEnd: Promise<void>, clock: Clock = systemClock): Promise<number> {
  const running = { isOver: false, wake: (): void => undefined };
  const end = (async () => {
    await untilEnd;
    running.isOver = true;
    running.wake();
  })();
  while (!running.isOver) {
    let text = "";
    try {
      await runQuery(query, configPath, env, (part) => (text += part), screen.look());
    } catch (err) {
      if (!(err instanceof UnavailableError)) throw err;
      text = `${err.message}; trying again\n`;
    }
    screen.replace(text);
    await new Promise<void>((resolve) => {
      const cancel = clock.after(WATCH_MS, resolve);
      running.wake = () => {
        cancel();
        resolve();
      };
    });
  }
  await end;
  return 0;
}

/** The ids of all people, for completion; empty when no server answers at once. */
export async function peopleIds(configPath: string, env: Environment): Promise<readonly string[]> {
  try {
    const answer = await asker(loadConfig(configPath, env, systemClock.now()).config.web, COMPLETION_MS_MAX)("presence");
    return objectsOf(answer).map((one) => textOf(one, "aor").replace(/^sips?:/, "").replace(/@.*$/, ""));
  } catch (err) {
    if (err instanceof ConfigError || err instanceof UnavailableError) return [];
    throw err;
  }
}

function subjectOf(what: string): Subject {
  const subject = SUBJECTS.find((each) => each === what);
  if (subject === undefined) throw new ConfigError([`there is nothing called "${what}" to show; write ${SUBJECTS.slice(0, -1).join(", ")} or ${SUBJECTS.at(-1) ?? ""}`]);
  return subject;
}

/** Where the server of a configuration answers, and the headers that let us in. Throws UnavailableError when nobody may ask. */
export function serverOf(web: WebConfig): { readonly base: string; readonly headers: Readonly<Record<string, string>> } {
  if (web.auth === "token" && web.token === null) throw new UnavailableError('the configuration sets no web token, so nobody may ask; write "token" or "token_env" under "web"');
  const address = isWildcard(web.address) ? (web.address.includes(":") ? "::1" : "127.0.0.1") : web.address;
  return { base: `http://${address.includes(":") ? `[${address}]` : address}:${String(web.port)}`, headers: web.token === null ? {} : { authorization: `Bearer ${web.token}` } };
}

/** Asks the server, with the configuration's own token, for what stands below `/api/`. */
function asker(web: WebConfig, withinMs = ANSWER_MS_MAX): (path: string) => Promise<unknown> {
  const { base, headers } = serverOf(web);
  return async (path) => {
    let response: Response;
    let body: unknown;
    try {
      response = await fetch(`${base}/api/${path}`, {
        headers,
        redirect: "error",
        signal: AbortSignal.timeout(withinMs),
      });
      body = await response.json();
    } catch (cause) {
      if (cause instanceof SyntaxError) throw new UnavailableError(`what answers at ${base} is not Lamplight`, { cause });
      const isLate = cause instanceof Error && cause.name === "TimeoutError";
      throw new UnavailableError(isLate ? `the server at ${base} does not answer` : `no server answers at ${base}; is it started?`, { cause });
    }
    if (response.ok) return body;
    throw new UnavailableError(textOf(objectsOf(body)[0] ?? {}, "message") || `${base} refused with status ${String(response.status)}`);
  };
}

function pathOf(subject: Subject, aor: string | null): string {
  return aor !== null && (subject === "registrations" || subject === "presence") ? `${subject}/${encodeURIComponent(aor)}` : subject;
}

/** Of a list what concerns one person. */
function concerning(subject: Subject, aor: string | null, answer: unknown): unknown {
  if (aor === null || subject === "registrations" || subject === "presence" || subject === "sentinel") return answer;
  const names = subject === "calls" ? ["from", "to"] : subject === "lamps" ? ["aor"] : ["resource", "watcher"];
  return objectsOf(answer).filter((one) => names.some((name) => textOf(one, name) === aor));
}
