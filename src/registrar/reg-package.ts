import type { Clock } from "../base/clock.ts";
import type { Aor } from "../base/ids.ts";
import { REGINFO_TYPE, renderReginfoParts, type ContactEvent, type RegContact } from "../documents/reginfo.ts";
import type { ChangeListener, EventPackage, Rendered, Watching } from "../subscription/event-package.ts";
import type { Standing } from "../subscription/standing.ts";
import type { BindingsReport, RegisteredContact, Registrar } from "./registrar.ts";

/** How long a contact that has ended is still in the documents, so that whoever lost a NOTIFY hears of it. */
const ENDED_SHOWN_MS = 64_000;
/** Persons whose ended contacts are kept; the one that changed first goes first. */
const ENDED_PERSONS_MAX = 10_000;

/** The package, and the ear by which it hears of bindings. */
export interface RegPackage extends EventPackage {
  readonly bindingsChanged: BindingsReport;
}

/** Event package `reg` (RFC 3680) with GRUUs (RFC 5628): full documents of a person's registrations. `changed` is called when a watcher would see a
 *  difference; a mere refresh is none. Temporary GRUUs are shown to the person's own devices alone: they are there to keep others from knowing who calls. */
export function regPackage(deps: {
  readonly registrar: Pick<Registrar, "registered">;
  readonly clock: Clock;
  readonly changed: ChangeListener;
  readonly isWatched: (aor: Aor) => boolean;
  /** What a watcher may see of a person; the politely blocked see somebody who never registered. Default: everything. */
  readonly standingOf?: (watcher: Aor | null, resource: Aor) => Standing;
}): RegPackage {
  const { registrar, clock, changed, isWatched, standingOf } = deps;
  const ended = new Map<Aor, { readonly at: number; readonly contacts: readonly RegContact[] }>();

  const endedOf = (aor: Aor, now: number): readonly RegContact[] => {
    const found = ended.get(aor);
    if (found === undefined) return [];
    if (now - found.at < ENDED_SHOWN_MS) return found.contacts;
    ended.delete(aor);
    return [];
  };

  return {
    name: "reg",
    types: [REGINFO_TYPE],
    publishTypes: [],

    admits: ({ watcher }) => (watcher === null ? { status: 403, reason: "Forbidden" } : null),

    isListable: true,
    ...(standingOf === undefined ? {} : { standingOf: ({ watcher, resource }) => standingOf(watcher, resource) }),

    render({ resource, watcher, standing }: Watching): Rendered {
      if (standing !== "allow") return { contentType: REGINFO_TYPE, ...renderReginfoParts(resource, []), isVersioned: true };
      const now = clock.now();
      const live = registrar.registered(resource).map((contact) => shown(contact, now, null));
      const all = [...live, ...endedOf(resource, now).filter(({ id }) => !live.some((one) => one.id === id))];
      const contacts = watcher === resource ? all : all.map((contact) => ({ ...contact, temporaryGruu: "" }));
      return { contentType: REGINFO_TYPE, ...renderReginfoParts(resource, contacts), isVersioned: true };
    },

    bindingsChanged(aor, before, after) {
      if (!isWatched(aor)) {
        ended.delete(aor);
        return;
      }
      if (isSame(before, after)) return;
      const now = clock.now();
      const gone = before.filter(({ id }) => !after.some((one) => one.id === id)).map((contact) => shown(contact, now, contact.binding.expiresAt <= now ? "expired" : "unregistered"));
      ended.delete(aor);
      if (ended.size >= ENDED_PERSONS_MAX) for (const [first] of ended) if (ended.delete(first)) break;
      ended.set(aor, { at: now, contacts: gone });
      changed("reg", aor);
    },
  };
}

/** `end`: why it is no more; null for one that lives. */
function shown({ id, binding, publicGruu, temporaryGruu }: RegisteredContact, now: number, end: ContactEvent | null): RegContact {
  const { uri, q, callId, cseq, expiresAt, instance } = binding;
  return {
    id,
    state: end === null ? "active" : "terminated",
    event: end ?? "registered",
    uri,
    q,
    callId,
    cseq,
    expiresSeconds: end === null ? Math.max(0, Math.ceil((expiresAt - now) / 1000)) : 0,
    instance,
    publicGruu: end === null ? publicGruu : "",
    temporaryGruu: end === null ? temporaryGruu : "",
  };
}

/** True when a watcher would see nothing but other times. Another Call-ID makes other temporary GRUUs. */
function isSame(before: readonly RegisteredContact[], after: readonly RegisteredContact[]): boolean {
  return (
    before.length === after.length &&
    after.every(({ id, binding, publicGruu }) => before.some((old) => old.id === id && old.binding.q === binding.q && old.publicGruu === publicGruu && (publicGruu === "" || old.binding.callId === binding.callId)))
  );
}
