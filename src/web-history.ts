import { json, refusal, type AdminReply, type AdminRequest, type AdminRoute } from "./admin/route.ts";
import type { Aor } from "./base/ids.ts";
import type { PresenceDocument } from "./presence/document.ts";
import { isoTime, parseMoment } from "./presence/moment.ts";
import type { PastState } from "./presence/past-states.ts";
import type { Server } from "./server.ts";
import type { Seen } from "./web-seen.ts";
import { forecasts } from "./web-tile.ts";

/** A stretch of history is at most so long, in ms. */
export const HISTORY_MS_MAX = 31 * 86_400_000;
const DAY_MS = 86_400_000;
/** States that are still to come in one answer. */
const PLANNED_MAX = 100;

/** `GET /api/presence/AOR/history?from&to`: a person's states one after another; what calendars and choices say of the time to come is `planned`. Default: the last 24 hours. */
export function historyRoute(
  parts: Pick<Server, "presence" | "past" | "now">,
  of: (answer: (aor: Aor, request: AdminRequest) => AdminReply | Promise<AdminReply>) => AdminRoute["answer"],
  eyes: Seen,
): AdminRoute {
  const answer = async (aor: Aor, { query, viewer }: AdminRequest): Promise<AdminReply> => {
    const now = parts.now();
    const to = query.to === undefined ? now : parseMoment(query.to);
    const from = query.from === undefined ? (to ?? now) - DAY_MS : parseMoment(query.from);
    if (from === undefined || to === undefined) return refusal(400, "bad_time", 'write "from" and "to" as times such as 2026-11-20T14:03:00Z');
    if (to <= from || to - from > HISTORY_MS_MAX) return refusal(400, "bad_stretch", '"to" is later than "from", by 31 days at most');
    const head = { aor, from: isoTime(from), to: isoTime(to), now: isoTime(now) };
    const past = from < now ? await parts.past.states(aor, from, Math.min(to, now)) : { recordedFrom: null, states: [], isCut: false };
    const recorded = { recorded_from: past.recordedFrom === null ? null : isoTime(past.recordedFrom), is_cut: past.isCut };
    if (viewer === null || eyes.view(viewer, aor) === "offline") return json({ ...head, ...recorded, is_cut: false, states: past.recordedFrom === null ? [] : [offline(Math.max(from, past.recordedFrom), Math.min(to, now))] });
    const { presence } = parts;
    const ahead = to > now ? forecasts(presence, presence.status(aor), presence.reportsOf(aor), now, to, PLANNED_MAX) : [];
    // What is so now lasts until the first of them.
    const planned = ahead.length === 0 ? [] : [{ at: now, document: presence.status(aor) }, ...ahead];
    return json({ ...head, ...recorded, states: [...stretches(past.states, from, Math.min(to, now), false), ...stretches(planned, Math.max(from, now), to, true)] });
  };
  return { method: "GET", path: "/api/presence/:aor/history", access: "person", answer: of(answer) };
}

/** Each state from when it began, or the stretch did, until the next. */
function stretches(states: readonly PastState[], from: number, to: number, isPlanned: boolean): readonly unknown[] {
  return states.flatMap(({ at, document }, index) => {
    const end = Math.min(to, states[index + 1]?.at ?? to);
    return end > from ? [stretch(document, Math.max(at, from), end, isPlanned)] : [];
  });
}

function stretch({ basic, activities, note, source }: PresenceDocument, from: number, until: number, isPlanned: boolean): unknown {
  return { from: isoTime(from), until: isoTime(until), basic, activities: activities.map(({ name }) => name), note, source, planned: isPlanned };
}

function offline(from: number, until: number): unknown {
  return { from: isoTime(from), until: isoTime(until), basic: "closed", activities: [], note: "Offline", source: "registration", planned: false };
}
