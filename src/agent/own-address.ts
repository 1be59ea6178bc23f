import type { Flow } from "../sip/transport/transport.ts";
import { uriHost } from "../sip/uri.ts";

/** Our address as it stands in Via, Record-Route and Contact of what leaves by a flow: `10.0.0.1:5060`, `[::1]:5060`.
 *  The one function behind them all, so that a cluster's name or virtual address can stand there. */
export function ownAddress(flow: Flow): string {
  return `${uriHost(flow.localAddress)}:${flow.listener.port}`;
}

/** The transport parameter of a URI of ours on that flow; empty for UDP, the default. */
export function transportParam(flow: Flow): string {
  return flow.protocol === "udp" ? "" : `;transport=${flow.protocol === "wss" ? "ws" : flow.protocol}`;
}
