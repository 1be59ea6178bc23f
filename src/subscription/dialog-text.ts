import type { AgentDialog } from "../agent/agent.ts";
import { keptText } from "../base/kept-text.ts";
import { formatSipUri, parseSipUri, type SipUri } from "../sip/uri.ts";

/** The URI that a document names the presentity by: that of the request without password, parameters and headers. `known`: what it probably is. */
export function entityOf(uri: SipUri, known: string | undefined): string {
  const entity = formatSipUri({ ...uri, password: null, params: "", headers: "" });
  return entity === known ? known : keptText(entity);
}

/** Bytes of all texts of one dialog. */
export function textLength({ callId, remoteTag, local, remote, target, routes }: AgentDialog): number {
  return routes.reduce((length, route) => length + route.length, callId.length + remoteTag.length + local.length + remote.length + target.length);
}

/** True when two Contact URIs lead to one device: the same user, host and port, whatever their parameters. */
export function isSameDevice(a: string, b: string): boolean {
  const one = parseSipUri(a);
  const other = parseSipUri(b);
  return one !== null && other !== null && one.user === other.user && one.host === other.host && one.port === other.port;
}
