import type { Clock } from "./base/clock.ts";
import { parseAor, type Aor } from "./base/ids.ts";
import type { Directory } from "./directory/directory.ts";
import type { Registrar } from "./registrar/registrar.ts";
import type { Flow } from "./sip/transport/transport.ts";
import { parseSipUri } from "./sip/uri.ts";
import { messagesStanding, watchStanding } from "./presence/watch-rules.ts";
import { Audience } from "./subscription/audience.ts";
import type { ListDirectory } from "./subscription/lists.ts";
import type { Standing } from "./subscription/standing.ts";
import type { Subscriptions } from "./subscription/subscriptions.ts";

/** The lists and people of the directory, as subscriptions look for them. */
export function listDirectory(directory: Pick<Directory, "listOf" | "list" | "aorOf" | "user">): ListDirectory {
  return {
    listAt: ({ user, host }) => (user === null ? null : directory.listOf(user, host)),
    list: (aor) => directory.list(aor),
    personAt: ({ user, host }) => (user === null ? null : directory.aorOf(user, host)),
    nameOf: (aor) => directory.user(aor)?.name ?? "",
  };
}

/** An open connection by which the device with that Contact URI has registered beside the datagrams that it subscribed by: the same user part, host and User-Agent, and no
 *  second one like it. What is too large for a datagram goes there (RFC 3261 §18.1.1). */
export function streamOf(registrar: Pick<Registrar, "bindings" | "flowOfContact">, watcher: Aor, contact: string, userAgent: string): Flow | null {
  const device = parseSipUri(contact);
  if (device === null || userAgent === "") return null;
  const streams = registrar.bindings(watcher).filter((binding) => {
    const bound = binding.transport === "udp" || binding.userAgent !== userAgent ? null : parseSipUri(binding.uri);
    return bound !== null && bound.user === device.user && bound.host === device.host;
  });
  const [only] = streams;
  const flow = only === undefined || streams.length > 1 ? null : registrar.flowOfContact(only.uri);
  return flow?.isOpen === true && flow.protocol !== "udp" ? flow : null;
}

/** What a watcher may see of a person: his state and lamp, and his message lamp. Nobody may see who is nobody of ours. */
export function standings(directory: Pick<Directory, "user">): Readonly<Record<"standingOf" | "mailStandingOf", (watcher: Aor | null, resource: Aor) => Standing>> {
  const by = (rule: typeof watchStanding) => (watcher: Aor | null, resource: Aor): Standing => {
    const person = directory.user(resource);
    return person === null ? "block" : rule(watcher, person);
  };
  return { standingOf: by(watchStanding), mailStandingOf: by(messagesStanding) };
}

/** Who watches whom. `engine` is asked later, when there is one. */
export function audienceFor(directory: Pick<Directory, "user">, clock: Clock, engine: () => Pick<Subscriptions, "watchersOf" | "isWatched" | "changed">): Audience {
  return new Audience({
    clock,
    watchersOf: (aor, event) => engine().watchersOf(aor, event),
    isWatched: (aor, event) => engine().isWatched(aor, event),
    changed: (event, aor) => {
      engine().changed(event, aor);
    },
    nameOf: (watcher) => {
      const aor = parseAor(watcher);
      return aor === null ? "" : (directory.user(aor)?.name ?? "");
    },
  });
}
