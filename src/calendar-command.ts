import { systemClock } from "./base/clock.ts";
import { ConfigError, UnavailableError } from "./base/errors.ts";
import { aorOf, type Aor } from "./base/ids.ts";
import type { FailureKind, Reading, WatchState } from "./calendar/adapter.ts";
import type { CalendarWorld } from "./calendar/calendars.ts";
import { pollPlans, type PollPlan } from "./calendar/poll-plan.ts";
import { timeLine } from "./calendar/time-line.ts";
import type { Loaded } from "./config/config.ts";
import { userOf, type User } from "./directory/user.ts";
import { isoTime } from "./presence/moment.ts";

/** `lamplight calendar test USER`: what to try, and where to say what came of it. */
export interface CalendarTest {
  readonly who: string;
  readonly load: () => Loaded;
  readonly world: () => CalendarWorld;
  readonly print: (text: string) => void;
  /** For what is wrong with the command itself. */
  readonly complain: (text: string) => void;
}

const AHEAD_MS = 24 * 3_600_000;
const SHOWN_MAX = 10;
/** Exchange gives a sign of life every 45 s: until the first it is not known whether it will tell of changes. */
const HINTS_WAIT_MS = 60_000;

/** Reads a person's calendars as the server would and says in plain words what is wrong, or what they make of his day: never what an event is about. The exit
 *  code: 0 all can be read (and hint at changes, where that is asked for), 1 one cannot, 2 bad configuration or nobody of that name. */
export async function runCalendarTest({ who, load, world: worldOf, print, complain }: CalendarTest): Promise<number> {
  let loaded: Loaded;
  try {
    loaded = load();
  } catch (err) {
    if (!(err instanceof ConfigError)) throw err;
    for (const mistake of err.mistakes) complain(`${mistake}\n`);
    return 2;
  }
  const { config, directory } = loaded;
  const users = directory.users.map((line) => userOf(line, config.domain));
  const find = (name: string): Aor | null => users.find((user) => isCalled(user, name, config.domain))?.aor ?? null;
  const user = users.find((one) => isCalled(one, who, config.domain));
  if (user === undefined) {
    complain(`nobody in the directory is called "${who}"; write 101, alice, or ${aorOf("101", config.domain)}\n`);
    return 2;
  }
  const world = worldOf();
  try {
    const plans = pollPlans(config.calendars ?? [], [user], world.zone, find).filter(({ people }) => people.size > 0);
    if (plans.length === 0) {
      print(`${whyNone(user, (config.calendars ?? []).length)}\n`);
      return 1;
    }
    let exitCode = 0;
    for (const plan of plans) if (!(await tried(plan, world, print))) exitCode = 1;
    return exitCode;
  } finally {
    await world.close();
  }
}

async function tried(plan: PollPlan, world: CalendarWorld, print: (text: string) => void): Promise<boolean> {
  const { calendar, zone, people } = plan;
  const [mailbox = ""] = people.keys();
  print(`calendar "${calendar.name}" (${calendar.kind})${mailbox === "" ? "" : `, mailbox ${mailbox}`}, time zone ${zone}\n`);
  const now = systemClock.now();
  const reading = await readOnce(plan, mailbox, world, now);
  const took = `${((systemClock.now() - now) / 1000).toFixed(1)} s`;
  if (reading.kind === "failure") {
    print(`  cannot be read: ${reading.text}\n  ${ADVICE[reading.failure]}\n`);
    return false;
  }
  print(`  can be read (${took}): ${reading.entries.length === 1 ? "1 entry" : `${String(reading.entries.length)} entries`} from now to ${isoTime(now + AHEAD_MS) ?? ""}\n`);
  const line = timeLine(reading.entries.map((entry) => ({ ...entry, as: calendar.as })), now, SHOWN_MAX);
  for (const { from, until, activity, note } of line) print(`  ${isoTime(from) ?? ""} to ${isoTime(until) ?? ""}: ${activity}, shown as "${note}"\n`);
  if (line.length === 0) print("  nothing of it makes a state: free, tentative, cancelled and declined events say nothing\n");
  if (calendar.hints !== true) return true;
  const state = await watchedOnce(plan, mailbox, world);
  if (state.kind === "watching") print("  hints of changes: Exchange takes the subscription, a change is asked for at once\n");
  else print(`  hints of changes do not work: ${state.text}\n  ${state.failure === "permission" ? HINTS_ADVICE : ADVICE[state.failure]}\n  it is polled as without them\n`);
  return state.kind === "watching";
}

/** Whether the calendar tells of changes: the first that is heard of it. */
async function watchedOnce({ calendar, zone }: PollPlan, mailbox: string, world: CalendarWorld): Promise<WatchState> {
  let cancel = (): void => undefined;
  const none: WatchState = { kind: "failed", failure: "timeout", text: `there was no sign of life within ${String(HINTS_WAIT_MS / 1000)} s` };
  try {
    const adapter = await world.open({ calendar, zone });
    return await new Promise<WatchState>((resolve) => {
      cancel = systemClock.after(HINTS_WAIT_MS, () => {
        resolve(none);
      });
      adapter.watch?.(() => undefined, [mailbox], resolve);
    });
  } catch (err) {
    if (!(err instanceof UnavailableError)) throw err;
    return { kind: "failed", failure: "connection", text: err.message };
  } finally {
    cancel();
  }
}

async function readOnce({ calendar, zone }: PollPlan, mailbox: string, world: CalendarWorld, now: number): Promise<Reading> {
  const ended = new AbortController();
  let cancel = (): void => undefined;
  const late = new Promise<Reading>((resolve) => {
    cancel = systemClock.after(calendar.timeoutMs + 1000, () => {
      ended.abort();
      resolve({ kind: "failure", failure: "timeout", text: `there was no answer within ${String(Math.round(calendar.timeoutMs / 1000))} s` });
    });
  });
  const read = async (): Promise<Reading> => {
    try {
      const adapter = await world.open({ calendar, zone });
      const readings = await adapter.read([mailbox], { from: now, to: now + AHEAD_MS }, ended.signal);
      return readings.get(mailbox) ?? readings.get("") ?? { kind: "failure", failure: "unreadable", text: "the server's answer says nothing of this mailbox" };
    } catch (err) {
      if (!(err instanceof UnavailableError)) throw err;
      return { kind: "failure", failure: "connection", text: err.message };
    }
  };
  try {
    return await Promise.race([read(), late]);
  } finally {
    cancel();
  }
}

function isCalled({ id, aliases, aor }: User, name: string, domain: string): boolean {
  const short = name.toLowerCase().replace(/^sips?:/, "").replace(new RegExp(`@${domain.replaceAll(".", "\\.")}$`), "");
  return id === name || aor === name || id.toLowerCase() === short || aliases.some((alias) => alias.toLowerCase() === short);
}

function whyNone({ id, mailbox }: User, count: number): string {
  if (count === 0) return 'the configuration has no "calendars"';
  return mailbox === undefined ? `no calendar speaks for ${id}: the directory gives no "mailbox", and no shared calendar names this person` : `no calendar names ${id} in its "users"`;
}

const HINTS_ADVICE = 'permission: give the service account the right of impersonation for those mailboxes (docs/calendars.md), or set "hints: false"';

const ADVICE: Readonly<Record<FailureKind, string>> = {
  name: 'name: write the server\'s name right in "url", or have the name servers know it',
  connection: 'connection: look whether the server runs, whether "url" has the right port, and what stands between',
  certificate: 'certificate: name the file of the authority in "ca", and reach the server by the name that its certificate has',
  credentials: 'password: look at "username", and at what "password_env", "password_file" or "secret_env" hold',
  permission: "permission: the account may sign in, but not read this calendar; give it that right on the server",
  "not-found": 'not found: look at "url", and at the person\'s "mailbox" in the directory',
  throttled: 'throttled: the server asks us to come less often; make "poll" longer',
  timeout: 'too slow: look at the server, or make "timeout" longer',
  "too-large": "too large: the calendar holds more than one person can have",
  unreadable: 'unreadable: look whether "url" is that of a calendar, and not of a page for people',
};
