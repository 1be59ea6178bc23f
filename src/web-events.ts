import { EventStreams } from "./admin/event-streams.ts";
import type { Viewer } from "./admin/route.ts";
import type { Cancel, Clock } from "./base/clock.ts";
import type { Aor } from "./base/ids.ts";
import { lamps, type Lamp } from "./blf/lamps.ts";
import { callAnswer, registrationAnswer, type CallAnswer } from "./web-answers.ts";
import type { WebParts } from "./web-routes.ts";
import { darkLamp, seen, type Seen } from "./web-seen.ts";
import { offlineTile, tileAnswer } from "./web-tile.ts";

/** Changes are gathered for this long, and longer the more calls there are: a flood of calls makes no flood of events. */
export const gatherMs = 20;
/** One more millisecond of gathering for so many calls. */
const CALLS_PER_MS = 10;
/** People in a snapshot; the others of a larger directory come as they change. */
export const snapshotPeopleMax = 5000;

/** The open streams, and what keeps them told. */
export interface WebEvents {
  readonly streams: EventStreams;
  /** Nothing more is told. */
  readonly end: Cancel;
}

/** Streams that begin with a snapshot and are told what changes, each as far as its viewer may see it. While nobody listens a change costs one comparison.
 *  `streamsMax`: streams that are open at once. */
export function webEvents(parts: WebParts, clock: Clock, streamsMax?: number): WebEvents {
  const { directory, dialogs, presence, registrar } = parts;
  const eyes = seen(directory);
  const changed = { presence: new Set<Aor>(), lamp: new Set<Aor>(), registration: new Set<Aor>() };
  /** The calls that the streams know of. */
  let calls = new Map<string, CallAnswer>();
  /** The contacts that the streams were told of, so that a mere refresh is no event. */
  const toldContacts = new Map<Aor, string>();
  /** What was said of a person's state last, so that what says the same is no event. */
  const toldStates = new Map<Aor, string>();
  let timer: Cancel | null = null;
  let isOver = false;

  const streams = new EventStreams({
    clock,
    ...(streamsMax === undefined ? {} : { max: streamsMax }),
    snapshot: (viewer) => {
      if (streams.count <= 1) {
        calls = callsOf(parts);
        toldContacts.clear();
        toldStates.clear();
      }
      return eventSnapshot(parts, eyes, viewer, calls, clock.now());
    },
  });
  const publishRegistration = (aor: Aor): void => {
    const bindings = registrar.bindings(aor);
    const contacts = bindings.map(({ uri }) => uri).join(" ");
    if (toldContacts.get(aor) === contacts) return;
    toldContacts.set(aor, contacts);
    streams.publishVersions("registration", aor, { of: ({ kind }) => (kind === "administrator" ? "" : null), data: () => registrationAnswer(aor, bindings) });
  };
  const publishState = (aor: Aor): void => {
    const tile = tileAnswer(presence, aor, clock.now());
    const text = JSON.stringify(tile);
    if (toldStates.get(aor) === text) return;
    toldStates.set(aor, text);
    // Whoever sees him as offline is told nothing, not even that there is something to tell.
    streams.publishVersions("presence", aor, { of: (viewer) => (isShownTo(eyes, viewer, aor) ? "" : null), data: () => tile });
  };
  const publishLamp = (aor: Aor): void => {
    const [lamp] = lamps(dialogs, [aor]);
    if (lamp !== undefined) streams.publishVersions("lamp", aor, { of: (viewer) => eyes.lampVersion(viewer, lamp), data: (version) => eyes.lampAnswer(lamp, version) });
  };
  const flush = (): void => {
    timer = null;
    const { presence: states, lamp, registration } = changed;
    if (lamp.size > 0) calls = publishCalls(parts, eyes, calls, streams);
    for (const aor of lamp) publishLamp(aor);
    for (const aor of registration) publishRegistration(aor);
    for (const aor of states) publishState(aor);
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
    presence.onReported((aor) => {
      note(changed.presence, aor);
    }),
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

function isShownTo(eyes: Seen, viewer: Viewer, aor: Aor): boolean {
  const view = eyes.view(viewer, aor);
  return view === "all" || view === "state";
}

/** What every stream begins with, and gets again when the directory has changed. */
function eventSnapshot(parts: WebParts, eyes: Seen, viewer: Viewer, calls: ReadonlyMap<string, CallAnswer>, now: number): unknown {
  const { directory, presence, registrar, dialogs } = parts;
  const visible = directory.users().filter(({ aor }) => eyes.view(viewer, aor) !== "none");
  const people = visible.slice(0, snapshotPeopleMax);
  const groups = groupsOf(directory);
  const isAdministrator = viewer.kind === "administrator";
  const lampFor = (lamp: Lamp): unknown => {
    const version = eyes.lampVersion(viewer, lamp);
    return version === null ? darkLamp(lamp.aor) : eyes.lampAnswer(lamp, version);
  };
  return {
    at: new Date(now).toISOString(),
    domain: directory.domain,
    viewer: isAdministrator ? { kind: viewer.kind } : { kind: viewer.kind, aor: viewer.aor },
    people: people.map(({ aor, id, name, numbers }) => ({ aor, id, name, numbers, groups: groups.get(aor) ?? [] })),
    people_count: visible.length,
    presence: people.map(({ aor }) => (isShownTo(eyes, viewer, aor) ? tileAnswer(presence, aor, now) : offlineTile(aor))),
    lamps: lamps(dialogs, people.map(({ aor }) => aor)).map(lampFor),
    registrations: isAdministrator ? people.map(({ aor }) => registrationAnswer(aor, registrar.bindings(aor))) : [],
    calls: [...calls.values()].filter((call) => eyes.seesCall(viewer, call)).slice(0, snapshotPeopleMax),
  };
}

/** The names of the groups and lists that each person is in. */
function groupsOf(directory: WebParts["directory"]): ReadonlyMap<Aor, readonly string[]> {
  const groups = new Map<Aor, string[]>();
  for (const { name, members } of directory.lists()) {
    for (const aor of members) {
      const names = groups.get(aor);
      if (names === undefined) groups.set(aor, [name]);
      else if (!names.includes(name)) names.push(name);
    }
  }
  return groups;
}

/** Tells which calls are new, different or over since `before`; what there is now. */
function publishCalls(parts: WebParts, eyes: Seen, before: ReadonlyMap<string, CallAnswer>, streams: EventStreams): Map<string, CallAnswer> {
  const now = callsOf(parts);
  const publish = (key: string, call: CallAnswer): void => {
    streams.publishVersions("call", key, { of: (viewer) => (eyes.seesCall(viewer, call) ? "" : null), data: () => call });
  };
  for (const [key, call] of now) {
    const last = before.get(key);
    if (last === undefined || last.state !== call.state || last.to !== call.to) publish(key, call);
  }
  for (const [key, last] of before) if (!now.has(key)) publish(key, { ...last, state: "terminated" });
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
