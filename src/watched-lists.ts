import type { Aor } from "./base/ids.ts";
import type { Directory } from "./directory/directory.ts";
import type { Registrar } from "./registrar/registrar.ts";
import type { Flow } from "./sip/transport/transport.ts";
import { parseSipUri } from "./sip/uri.ts";
import type { ListDirectory } from "./subscription/lists.ts";

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
