import { renderWatcherinfoParts, WATCHERINFO_TYPE, type WatcherEntry } from "../documents/watcherinfo.ts";
import { winfoName, type Audience } from "./audience.ts";
import type { EventPackage, Rendered, Watching } from "./event-package.ts";

/** Event package `EVENT.winfo` (RFC 3857, RFC 3858): who watches a person, for that person alone. The whole list at first and with each refresh, then what has changed. */
export function winfoPackage(event: string, audience: Pick<Audience, "of">): EventPackage {
  /** What each body says: kept as long as the body is. */
  const said = new WeakMap<Rendered, readonly WatcherEntry[]>();

  const rendered = (entity: string, entries: readonly WatcherEntry[], isFull: boolean): Rendered => ({ contentType: WATCHERINFO_TYPE, ...renderWatcherinfoParts(entity, event, entries, isFull), isVersioned: true });

  return {
    name: winfoName(event),
    types: [WATCHERINFO_TYPE],
    publishTypes: [],

    admits: ({ watcher, resource }) => (watcher === resource ? null : { status: 403, reason: "Forbidden: another's watchers" }),

    render({ resource, entity }: Watching): Rendered {
      const entries = audience.of(resource, event);
      const body = rendered(entity, entries, true);
      said.set(body, entries);
      return body;
    },

    partialOf({ entity }: Watching, before: Rendered, now: Rendered): Rendered | null {
      const known = said.get(before);
      const entries = said.get(now);
      if (known === undefined || entries === undefined) return null;
      const changed = entries.filter((entry) => !known.some((old) => old.id === entry.id && old.status === entry.status && old.uri === entry.uri));
      const vanished = known.filter(({ id, status }) => status !== "terminated" && !entries.some((entry) => entry.id === id)).map((entry): WatcherEntry => ({ ...entry, status: "terminated", event: "timeout", expiresSeconds: null }));
      const news = [...changed, ...vanished];
      return news.length === 0 ? null : rendered(entity, news, false);
    },
  };
}
