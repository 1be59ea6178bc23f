import { json, list, refusal, type AdminReply, type AdminRequest, type AdminRoute } from "./admin/route.ts";
import type { MetricsPage } from "./admin/metrics.ts";
import type { Aor } from "./base/ids.ts";
import { lamps } from "./blf/lamps.ts";
import { explain, presenceAnswer, type WatcherFact } from "./presence/why.ts";
import type { Server } from "./server.ts";
import { parseSipUri } from "./sip/uri.ts";
import { callAnswer, lampAnswer, registrationAnswer, subscriptionAnswer } from "./web-answers.ts";

/** The parts of a server that the API reads. */
export type WebParts = Pick<Server, "directory" | "registrar" | "dialogs" | "presence" | "subscriptions">;

/** Every call of the HTTP API that this version answers, and those of later versions, which are refused by name. */
export function webRoutes(parts: WebParts, metrics: MetricsPage): readonly AdminRoute[] {
  const { directory, registrar, dialogs, presence, subscriptions } = parts;
  const get = (path: string, answer: AdminRoute["answer"]): AdminRoute => ({ method: "GET", path, access: "token", answer });
  const of = (answer: (aor: Aor, request: AdminRequest) => AdminReply): AdminRoute["answer"] => {
    return (request) => {
      const aor = personOf(parts, request.params.aor ?? "");
      return aor === null ? refusal(404, "unknown_aor", `nobody here is called "${request.params.aor ?? ""}"; write 101, alice, or sip:101@${directory.domain}`) : answer(aor, request);
    };
  };
  const registrations = function* (people: Iterable<Aor>): Generator {
    for (const aor of people) {
      const bindings = registrar.bindings(aor);
      if (bindings.length > 0) yield registrationAnswer(aor, bindings);
    }
  };
  return [
    { method: "GET", path: "/metrics", access: "scrape", answer: async () => ({ kind: "text", contentType: metrics.contentType, text: await metrics.text() }) },
    get("/api/registrations", () => list(registrations(aors(parts)))),
    get("/api/registrations/:aor", of((aor) => list(registrations([aor])))),
    get("/api/calls", () => list(mapped(dialogs.calls(), callAnswer))),
    get("/api/lamps", () => list(mapped(aors(parts), (aor) => lampOf(parts, aor)))),
    get("/api/subscriptions", () => list(mapped(subscriptions.list(), subscriptionAnswer))),
    get("/api/presence", () => list(mapped(aors(parts), (aor) => presenceAnswer(presence.status(aor))))),
    get("/api/presence/:aor", of((aor) => json(presenceAnswer(presence.status(aor))))),
    get(
      "/api/presence/:aor/why",
      of((aor, { query }) => (query.at === undefined ? json(explain(presence.why(aor), watchersOf(parts, aor))) : notYet("why at another time"))),
    ),
    get("/api/events", () => ({ kind: "events" })),
    ...LATER.map(([method, path, what]): AdminRoute => ({ method, path, access: "token", answer: () => notYet(what) })),
  ];
}

/** Everyone, in the order of the directory. */
export function* aors({ directory }: Pick<WebParts, "directory">): Generator<Aor> {
  for (const { aor } of directory.users()) yield aor;
}

/** A person's lamp as the API shows it. */
export function lampOf({ dialogs }: Pick<WebParts, "dialogs">, aor: Aor): unknown {
  const [lamp] = lamps(dialogs, [aor]);
  return lamp === undefined ? null : lampAnswer(lamp);
}

/** Calls that a later version answers. */
const LATER = [
  ["PUT", "/api/presence/:aor", "setting a person's state"],
  ["DELETE", "/api/presence/:aor", "setting a person's state"],
  ["POST", "/api/presence/simulate", "simulating a state"],
  ["GET", "/api/phones", "the list of phones"],
  ["POST", "/api/phones/:aor/check-sync", "asking a phone to reload"],
  ["POST", "/api/message-summary/:aor", "the message lamp"],
] as const satisfies readonly (readonly [AdminRoute["method"], string, string])[];

function notYet(what: string): AdminReply {
  return refusal(501, "not_supported_yet", `${what} is not supported yet`);
}

/** The person that a part of a path names: an id, alias or number, or a whole `sip:` URI. */
function personOf({ directory }: WebParts, text: string): Aor | null {
  if (!/^sips?:/i.test(text)) return directory.aorOf(text, directory.domain);
  const uri = parseSipUri(text);
  return uri?.user == null ? null : directory.aorOf(uri.user, uri.host);
}

/** Whoever is told about a person, by either package. */
function watchersOf({ subscriptions }: WebParts, aor: Aor): readonly WatcherFact[] {
  return ["presence", "dialog"].flatMap((event) =>
    subscriptions.watchersOf(aor, event).map((view) => ({ watcher: view.watcher, event: view.event, expiresAt: view.expiresAt, userAgent: view.userAgent === "" ? null : view.userAgent })),
  );
}

function* mapped<T>(items: Iterable<T>, make: (item: T) => unknown): Generator {
  for (const item of items) yield make(item);
}
