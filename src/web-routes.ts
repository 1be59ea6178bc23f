import { json, list, refusal, type AdminReply, type AdminRequest, type AdminRoute, type Viewer } from "./admin/route.ts";
import type { MetricsPage } from "./admin/metrics.ts";
import type { Aor } from "./base/ids.ts";
import { lamps } from "./blf/lamps.ts";
import type { Server } from "./server.ts";
import { parseSipUri } from "./sip/uri.ts";
import { callAnswer, lampAnswer, registrationAnswer, sentinelAnswer, subscriptionAnswer } from "./web-answers.ts";
import { phoneRoutes } from "./web-phones.ts";
import { presenceRoutes } from "./web-presence.ts";
import { darkLamp, seen } from "./web-seen.ts";

/** The parts of a server that the API reads. */
export type WebParts = Pick<Server, "directory" | "registrar" | "dialogs" | "sentinel" | "presence" | "spoken" | "past" | "kept" | "now" | "subscriptions" | "phones" | "mailboxes" | "checkSync">;

/** Every call of the HTTP API that this version answers. */
export function webRoutes(parts: WebParts, metrics: MetricsPage): readonly AdminRoute[] {
  const { directory, registrar, dialogs, subscriptions } = parts;
  const eyes = seen(directory);
  const get = (path: string, answer: AdminRoute["answer"]): AdminRoute => ({ method: "GET", path, access: "token", answer });
  const of = (answer: (aor: Aor, request: AdminRequest) => AdminReply | Promise<AdminReply>): AdminRoute["answer"] => {
    return (request) => {
      const aor = personOf(parts, request.params.aor ?? "");
      return aor === null || request.viewer === null || eyes.view(request.viewer, aor) === "none" ? refusal(404, "unknown_aor", `nobody here is called "${request.params.aor ?? ""}"; write 101, alice, or sip:101@${directory.domain}`) : answer(aor, request);
    };
  };
  const registrations = function* (people: Iterable<Aor>): Generator {
    for (const aor of people) {
      const bindings = registrar.bindings(aor);
      if (bindings.length > 0) yield registrationAnswer(aor, bindings);
    }
  };
  const forPeople = (path: string, answer: AdminRoute["answer"]): AdminRoute => ({ method: "GET", path, access: "person", answer });
  const lampsFor = function* (viewer: Viewer | null): Generator {
    for (const lamp of lamps(dialogs, [...aors(parts)])) {
      if (viewer?.kind === "administrator") yield lampAnswer(lamp);
      else if (viewer !== null && eyes.view(viewer, lamp.aor) !== "none") {
        const version = eyes.lampVersion(viewer, lamp);
        yield version === null ? darkLamp(lamp.aor) : eyes.lampAnswer(lamp, version);
      }
    }
  };
  return [
    { method: "GET", path: "/metrics", access: "scrape", answer: async () => ({ kind: "text", contentType: metrics.contentType, text: await metrics.text() }) },
    get("/api/registrations", () => list(registrations(aors(parts)))),
    get("/api/registrations/:aor", of((aor) => list(registrations([aor])))),
    forPeople("/api/calls", ({ viewer }) => list(mapped(dialogs.calls().filter((call) => viewer !== null && eyes.seesCall(viewer, call)), callAnswer))),
    forPeople("/api/lamps", ({ viewer }) => list(lampsFor(viewer))),
    { method: "GET", path: "/api/session", access: "open", answer: ({ viewer }) => json(sessionAnswer(parts, viewer)) },
    get("/api/sentinel", () => json(sentinelAnswer(parts.sentinel, dialogs.adopted))),
    get("/api/subscriptions", () => list(mapped(subscriptions.list(), subscriptionAnswer))),
    ...presenceRoutes(parts, of, (text) => personOf(parts, text), eyes),
    ...phoneRoutes(parts, of),
    forPeople("/api/events", () => ({ kind: "events" })),
  ];
}

/** Everyone, in the order of the directory. */
export function* aors({ directory }: Pick<WebParts, "directory">): Generator<Aor> {
  for (const { aor } of directory.users()) yield aor;
}

/** Who is signed in. */
function sessionAnswer({ directory }: Pick<WebParts, "directory">, viewer: Viewer | null): unknown {
  const aor = viewer?.kind === "person" ? viewer.aor : null;
  return { viewer: viewer?.kind ?? null, aor, name: aor === null ? null : (directory.user(aor)?.name ?? null), domain: viewer === null ? null : directory.domain };
}

/** The person that a part of a path names: an id, alias or number, or a whole `sip:` URI. */
function personOf({ directory }: WebParts, text: string): Aor | null {
  if (!/^sips?:/i.test(text)) return directory.aorOf(text, directory.domain);
  const uri = parseSipUri(text);
  return uri?.user == null ? null : directory.aorOf(uri.user, uri.host);
}

function* mapped<T>(items: Iterable<T>, make: (item: T) => unknown): Generator {
  for (const item of items) yield make(item);
}
