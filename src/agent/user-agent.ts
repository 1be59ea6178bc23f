import { ParseError } from "../base/errors.ts";
import { keptText } from "../base/kept-text.ts";
import type { Clock } from "../base/clock.ts";
import { isFirstHop } from "../sip/first-hop.ts";
import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import { parseNameAddr, tagOf } from "../sip/name-addr.ts";
import type { TransactionLayer } from "../sip/transaction/layer.ts";
import type { TransactionId, TransactionUser } from "../sip/transaction/user.ts";
import type { Flow, Hop, Transports } from "../sip/transport/transport.ts";
import { parseSipUri, uriHost, uriParam } from "../sip/uri.ts";
import { viaTransport } from "../sip/via.ts";
import { ownAddress, transportParam } from "./own-address.ts";
import type { Agent, AgentDialog, AgentOutcome, AgentRequest, Way } from "./agent.ts";

/** Where the agent asks for ways; RFC 3263 and the registrar stand behind it. */
export interface Ways {
  ofUri(uri: string): Way | Promise<Way>;
  /** The open connection of the registered device with that contact URI, or null. */
  flowOfContact(uri: string): Flow | null;
}

const SERVER = "User-Agent: Lamplight\r\n";

/** Our own user agent over the transaction layer. `ways` may be given later than the agent is built: it is asked at each request. */
export function userAgent(deps: { readonly layer: TransactionLayer; readonly transports: Transports; readonly clock: Clock; readonly ways: Ways }): Agent {
  const { transports, clock, ways } = deps;
  return {
    dialogOf(request, source, localTag) {
      const from = request.header(Header.from) ?? "";
      return {
        callId: keptText(request.callId),
        localTag,
        remoteTag: keptText(tagOf(from)),
        local: keptText(withoutTag(request.header(Header.to) ?? "")),
        remote: keptText(withoutTag(from)),
        target: targetOf(request),
        routes: routesOf(request),
        flow: ownFlow(request, source),
      };
    },
    refreshed(dialog, request, source) {
      return { ...dialog, flow: ownFlow(request, source), ...(request.has(Header.contact) ? { target: targetOf(request) } : {}) };
    },
    contact: (source) => `<sip:${ownAddress(source)}${transportParam(source)}>`,
    send(dialog, request, done, way) {
      new Sending(deps.layer, transports, clock, dialog, request, done).begin(way ?? wayOf(dialog, ways));
    },
  };

  function wayOf(dialog: AgentDialog, from: Ways): Way | Promise<Way> {
    const [route] = dialog.routes;
    if (route !== undefined) return from.ofUri(parseNameAddr(route).uri);
    if (dialog.flow?.isOpen === true) return { kind: "flow", flow: presentFlow(dialog.flow, dialog.target, from) };
    // Its connection is gone: the one that it registered by since, else a new one to its Contact.
    const flow = from.flowOfContact(dialog.target);
    return flow === null ? from.ofUri(dialog.target) : { kind: "flow", flow };
  }
}

/** A UDP way has no end: of a phone behind NAT, whose router has given it another port, it is that by which it has registered since. */
function presentFlow(flow: Flow, target: string, ways: Ways): Flow {
  if (flow.connection !== 0 || target.includes(`@${uriHost(flow.remoteAddress)}:${flow.remotePort}`)) return flow;
  const now = ways.flowOfContact(target);
  return now?.connection === 0 && now.remoteAddress === flow.remoteAddress && now.listener.network === flow.listener.network ? now : flow;
}

/** One request on its way, over one address after the other. */
class Sending implements TransactionUser {
  readonly #layer: TransactionLayer;
  readonly #transports: Transports;
  readonly #clock: Clock;
  readonly #dialog: AgentDialog;
  readonly #request: AgentRequest;
  readonly #done: (outcome: AgentOutcome) => void;
  #hops: readonly Hop[] = [];

  constructor(layer: TransactionLayer, transports: Transports, clock: Clock, dialog: AgentDialog, request: AgentRequest, done: (outcome: AgentOutcome) => void) {
    this.#layer = layer;
    this.#transports = transports;
    this.#clock = clock;
    this.#dialog = dialog;
    this.#request = request;
    this.#done = done;
  }

  begin(way: Way | Promise<Way>): void {
    if (!(way instanceof Promise)) {
      this.#go(way);
      return;
    }
    way.then(
      (found) => {
        this.#go(found);
      },
      () => {
        this.#unreachable("its name could not be looked up");
      },
    );
  }

  onResponse(_transaction: TransactionId, response: Message): void {
    if (response.status === 503 && this.#hops.length > 0) this.#tryNext("503");
    else if (response.status >= 200) this.#done({ kind: "answered", status: response.status, response });
  }

  onTimeout(): void {
    if (this.#hops.length > 0) this.#tryNext("timeout");
    else this.#done({ kind: "timeout" });
  }

  onUnreachable(_transaction: TransactionId, why: string): void {
    this.#tryNext(why);
  }

  onCancel(): void {
    /* requests of ours are not cancelled by others */
  }

  #go(way: Way): void {
    switch (way.kind) {
      case "none":
        this.#unreachable(way.why);
        return;
      case "flow":
        if (!this.#send(way.flow)) this.#unreachable("its connection takes nothing");
        return;
      case "hops":
        this.#hops = way.hops;
        this.#tryNext("no address");
    }
  }

  #tryNext(why: string): void {
    while (this.#hops.length > 0) {
      const [hop, ...rest] = this.#hops;
      this.#hops = rest;
      const flow = hop === undefined ? null : this.#transports.open(hop);
      if (flow !== null && this.#send(flow)) return;
    }
    this.#unreachable(why);
  }

  #send(flow: Flow): boolean {
    const { method } = this.#request;
    const transaction = this.#layer.open(method, this);
    if (transaction === 0) return false;
    const branch = this.#layer.table.branch(transaction, this.#layer.serverId, "0");
    return this.#layer.send(transaction, requestText(this.#dialog, this.#request, flow, branch), flow);
  }

  #unreachable(why: string): void {
    // Never before `send` has returned.
    this.#clock.after(0, () => {
      this.#done({ kind: "unreachable", why });
    });
  }
}

function requestText(dialog: AgentDialog, request: AgentRequest, flow: Flow, branch: string): string {
  const { method, body = "" } = request;
  const { uri, routes } = routed(dialog);
  let text = `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/${viaTransport(flow.protocol)} ${ownAddress(flow)};branch=${branch}${flow.protocol === "udp" ? ";rport" : ""}\r\nMax-Forwards: 70\r\n`;
  for (const route of routes) text += `Route: ${route}\r\n`;
  text += `From: ${dialog.local};tag=${dialog.localTag}\r\nTo: ${dialog.remote}${dialog.remoteTag === "" ? "" : `;tag=${dialog.remoteTag}`}\r\n`;
  text += `Call-ID: ${dialog.callId}\r\nCSeq: ${request.cseq} ${method}\r\n${request.hasContact === false ? "" : `Contact: <sip:${ownAddress(flow)}${transportParam(flow)}>\r\n`}${SERVER}${request.headers}`;
  if (request.contentType !== undefined && body !== "") text += `Content-Type: ${request.contentType}\r\n`;
  return `${text}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** Request URI and Route values; a strict router at the first place wants to find itself in the request URI (RFC 3261 §12.2.1.1). */
function routed({ target, routes }: AgentDialog): { readonly uri: string; readonly routes: readonly string[] } {
  const [first, ...rest] = routes;
  if (first === undefined) return { uri: target, routes };
  const { uri } = parseNameAddr(first);
  const router = parseSipUri(uri);
  return router === null || uriParam(router, "lr") !== undefined ? { uri: target, routes } : { uri, routes: [...rest, `<${target}>`] };
}

/** The peer's own way to us; null when another proxy brought the request: then its Record-Route or the Contact leads to the peer. */
function ownFlow(request: Message, source: Flow): Flow | null {
  return isFirstHop(request) ? source : null;
}

function targetOf(request: Message): string {
  const [value] = request.values(Header.contact);
  if (value === undefined || value === "*") throw new ParseError("no Contact");
  return keptText(parseNameAddr(value).uri);
}

/** Record-Route values of one dialog: Max-Forwards allows no more hops in practice (RFC 3261 §8.1.1.6). */
const routesMax = 70;

/** The Route values of our requests to come: one that cannot be read would fail them all. */
function routesOf(request: Message): readonly string[] {
  const values = request.values(Header.recordRoute);
  if (values.length > routesMax) throw new ParseError("too many Record-Route values");
  return values.map((value) => {
    parseNameAddr(value);
    return keptText(value);
  });
}

/** A From or To value without its tag parameter: other parameters stay. */
function withoutTag(value: string): string {
  const close = value.lastIndexOf(">") + 1;
  const head = close === 0 ? value.split(";")[0] ?? value : value.slice(0, close);
  const params = value.slice(head.length);
  const bare = close === 0 ? `<${head.trim()}>` : head;
  return bare + params.replace(/;[ \t\r\n]*tag[ \t\r\n]*=[^;]*/i, "").trimEnd();
}
