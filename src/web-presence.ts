import { json, list, refusal, type AdminReply, type AdminRequest, type AdminRoute, type Viewer } from "./admin/route.ts";
import { UnavailableError } from "./base/errors.ts";
import { aorOf, type Aor } from "./base/ids.ts";
import { merge, nextChange } from "./presence/merge.ts";
import { parseMoment } from "./presence/moment.ts";
import { readSimulation, simulate } from "./presence/simulation.ts";
import type { SpokenSource } from "./presence/spoken-states.ts";
import { readStateRequest } from "./presence/statement-body.ts";
import { watchersOf } from "./presence/watchers.ts";
import { explain, presenceAnswer, type WhyAnswer } from "./presence/why.ts";
import type { Server } from "./server.ts";
import { historyRoute } from "./web-history.ts";
import { offlineTile } from "./web-tile.ts";
import type { Seen } from "./web-seen.ts";

/** What the calls about presence read and write. */
export type PresenceParts = Pick<Server, "directory" | "presence" | "spoken" | "past" | "subscriptions" | "kept" | "now">;

/** The person that a path names, or nobody; `answer` is asked for a person alone. */
type OfPerson = (answer: (aor: Aor, request: AdminRequest) => AdminReply | Promise<AdminReply>) => AdminRoute["answer"];

const SPOKEN: readonly SpokenSource[] = ["api", "override", "do-not-disturb"];

/** The calls about persons' states: reading, setting, explaining, now and for a past moment, and making up. */
export function presenceRoutes(parts: PresenceParts, of: OfPerson, personOf: (text: string) => Aor | null, eyes: Seen): readonly AdminRoute[] {
  const { directory, presence, spoken, past } = parts;
  const route = (method: AdminRoute["method"], path: string, answer: AdminRoute["answer"]): AdminRoute => ({ method, path, access: "token", answer });
  const forPeople = (method: AdminRoute["method"], path: string, answer: AdminRoute["answer"]): AdminRoute => ({ method, path, access: "person", answer });
  const stateFor = (viewer: Viewer | null, aor: Aor): unknown => (viewer !== null && eyes.view(viewer, aor) === "offline" ? offlineAnswer(aor) : presenceAnswer(presence.status(aor)));
  const everyone = function* (viewer: Viewer | null): Generator {
    for (const { aor } of directory.users()) if (viewer !== null && eyes.view(viewer, aor) !== "none") yield stateFor(viewer, aor);
  };
  /** A person sets his own state and nobody else's. */
  const own = (answer: (aor: Aor, request: AdminRequest) => AdminReply | Promise<AdminReply>): AdminRoute["answer"] =>
    of((aor, request) => (request.viewer?.kind === "person" && request.viewer.aor !== aor ? refusal(403, "not_yours", "you set your own state; the holders of the server's token set everybody's") : answer(aor, request)));
  const stored = async (aor: Aor): Promise<AdminReply> => {
    try {
      await parts.kept();
    } catch (err) {
      if (err instanceof UnavailableError) return refusal(503, "not_kept", "it is in force, but the store cannot be written: a restart would lose it");
      throw err;
    }
    return json(presenceAnswer(presence.status(aor)));
  };

  return [
    forPeople("GET", "/api/presence", ({ viewer }) => list(everyone(viewer))),
    forPeople("GET", "/api/presence/:aor", of((aor, { viewer }) => json(stateFor(viewer, aor)))),
    historyRoute(parts, of, eyes),
    forPeople("PUT", "/api/presence/:aor", own((aor, { body }) => {
      const asked = readStateRequest(body, parts.now());
      if (typeof asked === "string") return refusal(400, "bad_state", asked);
      const { statement, isOverride, name, doNotDisturb } = asked;
      if (statement !== null && isOverride) spoken.choose(aor, statement);
      if (statement !== null && !isOverride && !spoken.say(aor, name, statement)) {
        return refusal(409, "too_many_states", "this person has as many API states as he may: take one back, or use one of their names again");
      }
      if (doNotDisturb !== undefined) spoken.set(aor, doNotDisturb);
      return stored(aor);
    })),
    forPeople("DELETE", "/api/presence/:aor", own((aor, { query }) => {
      const source = SPOKEN.find((each) => each === query.source);
      if (query.source !== undefined && source === undefined) return refusal(400, "bad_source", `there is no source "${query.source}" to take back; write ${SPOKEN.join(", ")}, or nothing for all of them`);
      spoken.takeBack(aor, source);
      return stored(aor);
    })),
    forPeople("GET", "/api/presence/:aor/why", of((aor, { query, viewer }) => {
      const isHidden = viewer === null || eyes.view(viewer, aor) === "offline";
      const isOwn = viewer?.kind === "administrator" || viewer?.aor === aor;
      if (query.at === undefined) return json(isHidden ? whyOffline(parts, aor, parts.now()) : forViewer(whyNow(parts, aor), isOwn));
      const at = parseMoment(query.at);
      if (at === undefined) return refusal(400, "bad_time", `"${query.at}" is no time; write one such as 2026-11-20T14:03:00Z`);
      if (at > parts.now()) return refusal(400, "bad_time", `${query.at} is still to come; what would be so then, "simulate" says`);
      return past.why(aor, at).then((found) => {
        if (found.kind !== "found") return refusal(404, "not_recorded", found.reason);
        return json(isHidden ? { ...whyOffline(parts, aor, at), recorded: found.answer.recorded } : forViewer(found.answer, isOwn));
      });
    })),
    route("POST", "/api/presence/simulate", ({ body }) => {
      const [someone] = directory.users();
      const read = readSimulation(body, { aor: someone?.aor ?? aorOf("someone", directory.domain), aorOf: personOf, now: parts.now(), settings: presence.settings });
      return "mistakes" in read ? refusal(400, "bad_situation", read.mistakes.join("; ")) : json(simulate(read));
    }),
  ];
}

/** Who watches a person is his own business. */
function forViewer(answer: WhyAnswer, isOwn: boolean): WhyAnswer {
  return isOwn ? answer : { ...answer, watchers: [] };
}

/** What is said to whoever is to see a person as offline: what is said of someone of whom nothing is known. */
function whyOffline({ presence }: PresenceParts, aor: Aor, at: number): WhyAnswer {
  return explain(merge(aor, [], at, presence.settings), { at, settings: presence.settings, watchers: [], nextChangeAt: null });
}

function offlineAnswer(aor: Aor): unknown {
  const { next: _next, silent: _silent, ...answer } = offlineTile(aor);
  return answer;
}

function whyNow(parts: PresenceParts, aor: Aor): WhyAnswer {
  const { presence } = parts;
  const at = parts.now();
  return explain(presence.why(aor, at), { at, settings: presence.settings, watchers: watchersOf(parts.subscriptions, aor), nextChangeAt: nextChange(presence.reportsOf(aor), at) });
}
