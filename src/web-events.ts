import { EventStreams } from "./admin/event-streams.ts";
import type { Cancel, Clock } from "./base/clock.ts";
import type { Aor } from "./base/ids.ts";
import { presenceAnswer } from "./presence/why.ts";
import { callAnswer, registrationAnswer, type CallAnswer } from "./web-answers.ts";
import { lampOf, type WebParts } from "./web-routes.ts";

/** Changes are gathered for this long, and longer the more calls there are: a flood of calls makes no flood of events. */
export const gatherMs = 20;
/** One more millisecond of gathering for so many calls. */
const CALLS_PER_MS = 10;
/** People in a snapshot; the others of a larger directory come as they change. */
export const snapshotPeopleMax = 2000;

/** The open streams, and what keeps them told. */
export interface WebEvents {
  readonly streams: EventStreams;
  /** Nothing more is told. */
  readonly end: Cancel;
}

/** Streams that begin with a snapshot and are told what changes. While nobody listens a change costs one comparison. */
export function webEvents(parts: WebParts, clock: Clock): WebEvents {
  const { directory, dialogs, presence, registrar } = parts;
  const changed = { presence: new Set<Aor>(), lamp: new Set<Aor>(), registration: new Set<Aor>() };
  /** The calls that the streams know of. */
  let calls = new Map<string, CallAnswer>();
  /** The contacts that the streams were told of, so that a mere refresh is no event. */
  const toldContacts = new Map<Aor, string>();
  let timer: Cancel | null = null;
  let isOver = false;

  const streams = new EventStreams({
    clock,
    snapshot: () => {
      if (streams.count <= 1) {
        calls = callsOf(parts);
        toldContacts.clear();
      }
      return eventSnapshot(parts, calls, clock.now());
    },
  });
  const publishRegistration = (aor: Aor): void => {
    const bindings = registrar.bindings(aor);
    const contacts = bindings.map(({ uri }) => uri).join(" ");
    if (toldContacts.get(aor) === contacts) return;
    toldContacts.set(aor, contacts);
    streams.publish("registration", aor, registrationAnswer(aor, bindings));
  };
  const flush = (): void => {
    timer = null;
    const { presence: states, lamp, registration } = changed;
    if (lamp.size > 0) calls = publishCalls(parts, calls, streams);
    for (const aor of lamp) streams.publish("lamp", aor, lampOf(parts, aor));
    for (const aor of registration) publishRegistration(aor);
    for (const aor of states) streams.publish("presence", aor, presenceAnswer(presence.status(aor)));
    for (const set of [states, lamp, registration]) set.clear();
  };
  const note = (set: Set<Aor>, aor: Aor): void => {
    if (isOver || streams.count === 0 || directory.user(aor) === null) return;
    set.add(aor);
    timer ??= clock.after(gatherMs + dialogs.count / CALLS_PER_MS, flush);
  };

  registrar.onChange((aor) => {
    note(changed.registration, aor);
  });
  registrar.onRegistered((aor) => {
    note(changed.registration, aor);
  });
  const stops = [
    dialogs.onChange((aor) => {
      note(changed.lamp, aor);
    }),
    presence.onChange(
      (aor) => {
        note(changed.presence, aor);
      },
      () => streams.count > 0,
    ),
    directory.onChange(() => {
      streams.publishSnapshot();
    }),
  ];
  return {
    streams,
    end: () => {
      isOver = true;
      timer?.();
      for (const stop of stops) stop();
    },
  };
}

/** What every stream begins with, and gets again when the directory has changed. */
function eventSnapshot(parts: WebParts, calls: ReadonlyMap<string, CallAnswer>, now: number): unknown {
  const people = parts.directory.users().slice(0, snapshotPeopleMax);
  return {
    at: new Date(now).toISOString(),
    domain: parts.directory.domain,
    people: people.map(({ aor, id, name }) => ({ aor, id, name })),
    people_count: parts.directory.users().length,
    presence: people.map(({ aor }) => presenceAnswer(parts.presence.status(aor))),
    lamps: people.map(({ aor }) => lampOf(parts, aor)),
    registrations: people.map(({ aor }) => registrationAnswer(aor, parts.registrar.bindings(aor))),
    calls: [...calls.values()].slice(0, snapshotPeopleMax),
  };
}

/** Tells which calls are new, different or over since `before`; what there is now. */
function publishCalls(parts: WebParts, before: ReadonlyMap<string, CallAnswer>, streams: EventStreams): Map<string, CallAnswer> {
  const now = callsOf(parts);
  for (const [key, call] of now) {
    const last = before.get(key);
    if (last === undefined || last.state !== call.state || last.to !== call.to) streams.publish("call", key, call);
  }
  for (const [key, last] of before) if (!now.has(key)) streams.publish("call", key, { ...last, state: "terminated" });
  return now;
}

function callsOf({ dialogs }: WebParts): Map<string, CallAnswer> {
  const calls = new Map<string, CallAnswer>();
  for (const call of dialogs.calls()) {
    const answer = callAnswer(call);
    calls.set(`${answer.call_id} ${answer.from} ${answer.since ?? ""}`, answer);
  }
  return calls;
}
