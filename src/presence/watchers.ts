import type { Aor } from "../base/ids.ts";
import { unicodeOf } from "../documents/xml-text.ts";
import type { Subscriptions } from "../subscription/subscriptions.ts";
import { whatWasSaid } from "./what-was-said.ts";
import type { WatcherFact } from "./why.ts";

/** The packages that show a person's state. */
const EVENTS = ["presence", "dialog"];

/** Whoever is told about a person, and what he was told last. */
export function watchersOf(subscriptions: Pick<Subscriptions, "watchersOf">, aor: Aor): readonly WatcherFact[] {
  return EVENTS.flatMap((event) =>
    subscriptions.watchersOf(aor, event).map(({ watcher, expiresAt, userAgent, lastSentAt, lastSent, answeredAt, answerStatus }): WatcherFact => {
      const isAnswered = answeredAt !== 0;
      const sent = lastSentAt === 0 ? null : { at: lastSentAt, what: whatWasSaid(lastSent), answeredAt: isAnswered ? answeredAt : null, status: isAnswered ? answerStatus : null };
      return { watcher: unicodeOf(watcher), event, expiresAt, userAgent: userAgent === "" ? null : unicodeOf(userAgent), sent };
    }),
  );
}
