import type { Clock } from "../base/clock.ts";
import { ParseError } from "../base/errors.ts";
import { aorDomain, aorUser, type Aor } from "../base/ids.ts";
import { keptText } from "../base/kept-text.ts";
import type { KeyedHash } from "../base/keyed-hash.ts";
import type { Log } from "../base/log.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { Call, Feature } from "../proxy/feature.ts";
import { replyWhenKept } from "../proxy/kept-answer.ts";
import type { Location } from "../proxy/location.ts";
import type { Target } from "../proxy/target.ts";
import { goOn, handled, refuse, type Verdict } from "../proxy/verdict.ts";
import { isStream, type Flow, type Hop } from "../sip/transport/transport.ts";
import { parseSipUri, unescapeUser, uriParam } from "../sip/uri.ts";
import type { Via } from "../sip/via.ts";
import type { Message } from "../sip/message.ts";
import type { Store } from "../store/store.ts";
import { addressee, type AorLookup } from "./addressee.ts";
import { receivedFrom, renewed, type Binding } from "./binding.ts";
import { BindingTable } from "./binding-table.ts";
import type { ContactRequest, ExpirySettings } from "./contact.ts";
import { publicGruu, temporaryGruu } from "./gruu.ts";
import { noOrigin, originOf } from "./origin.ts";
import { isPlainRefresh, plainRefreshOf, refreshNumber } from "./plain-refresh.ts";
import { Reach } from "./reach.ts";
import { answerHeaders } from "./register-answer.ts";
import { readRegister, type RegisterRequest } from "./register-request.ts";
import { register, type RegisterContext } from "./register.ts";
import { refusal, type Refusal } from "./refusal.ts";
import { shortName } from "./short-name.ts";

/** What the registrar needs of the rest. */
export interface RegistrarDeps {
  readonly directory: AorLookup;
  readonly wheel: TimerWheel;
  readonly clock: Clock;
  readonly store: Store;
  /** The way to an address: UDP ways are opened again by it after a restart. */
  readonly open: (hop: Hop) => Flow | null;
  readonly settings: RegistrarSettings;
  /** Keyed with a secret that outlives restarts: device names and temporary GRUUs hang on it. */
  readonly hash: KeyedHash;
  readonly log: Log;
}

/** The operator's part. */
export interface RegistrarSettings {
  readonly expires: ExpirySettings;
  /** Bindings of one AoR; more are refused with 403. */
  readonly contactsMax: number;
}

/** A binding as lists show it. */
export interface BindingView {
  readonly aor: Aor;
  readonly uri: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly userAgent: string;
  /** `udp`, `tcp`, `tls`, `ws`, `wss`. */
  readonly transport: string;
  /** `192.0.2.7:5060`: where the REGISTER came from; empty when another proxy brought it. */
  readonly received: string;
  readonly q: number;
  readonly instance: string;
  readonly callId: string;
  readonly cseq: number;
  /** False while it has lost the connection that alone leads to it. */
  readonly isReachable: boolean;
}

/** A binding under an id of its own, with its GRUUs (RFC 5627); these are empty for a device without an instance id. */
export interface RegisteredContact {
  /** The same as long as the contact URI is registered, through a restart too. */
  readonly id: string;
  readonly binding: Binding;
  readonly publicGruu: string;
  readonly temporaryGruu: string;
}

/** Hears of an AoR's bindings before and after a change. */
export type BindingsReport = (aor: Aor, before: readonly RegisteredContact[], now: readonly RegisteredContact[]) => void;

/** The registrar: answers REGISTER, and tells the proxy where devices are. */
export interface Registrar extends Location {
  readonly feature: Feature;
  /** Bindings of one AoR, or of all, for lists. */
  bindings(aor?: Aor): readonly BindingView[];
  /** How many AoRs are registered, and with how many bindings. */
  readonly counts: { readonly aors: number; readonly bindings: number };
  /** Calls `report` after each REGISTER that left a device registered, with its contact URI; empty when it named several. */
  onRegistered(report: (aor: Aor, contact: string) => void): void;
  /** Calls `report` when an AoR gets its first binding or loses its last. */
  onChange(report: (aor: Aor, isRegistered: boolean) => void): void;
  /** Calls `report` after a REGISTER or an expiry that did more than renew a device's one binding, of whom `wants` says so. */
  onBindings(report: BindingsReport, wants: (aor: Aor) => boolean): void;
  /** One AoR's bindings with all that its own devices may know of them. */
  registered(aor: Aor): readonly RegisteredContact[];
  /** To be called when a connection has ended: bindings stay, the flow is forgotten. */
  flowClosed(flow: Flow): void;
  /** The device that the user part of a temporary GRUU names while it is registered, or null (RFC 5627 §3.2). */
  aorOfTempGruu(user: string): { readonly aor: Aor; readonly device: string } | null;
  /** Removes all bindings of an AoR that is nobody's any more. */
  forget(aor: Aor): void;
  /** Reads the bindings that outlived a restart; listeners of `onChange` hear of each AoR. */
  restore(): void;
}

/** User-Agent values that are shared between bindings; the rest get copies of their own. */
const sharedUserAgentsMax = 1000;

/** The registrar of our domains (RFC 3261 §10.3, RFC 3327, RFC 5626, RFC 5627). */
export function registrar(deps: RegistrarDeps): Registrar {
  const { clock, hash, settings, log } = deps;
  const listeners: ((aor: Aor, isRegistered: boolean) => void)[] = [];
  const arrivals: ((aor: Aor, contact: string) => void)[] = [];
  const changes: { readonly report: BindingsReport; readonly wants: (aor: Aor) => boolean }[] = [];
  const named = (aor: Aor, bindings: readonly Binding[]): readonly RegisteredContact[] =>
    bindings.map((binding) => ({
      id: `c${shortName(hash, `contact-id ${aor} ${binding.uri}`)}`,
      binding,
      publicGruu: binding.instance === "" ? "" : publicGruu(aor, binding),
      temporaryGruu: binding.instance === "" ? "" : temporaryGruu(hash, aor, binding),
    }));
  const table = new BindingTable(
    deps,
    (aor, isRegistered) => {
      for (const report of listeners) report(aor, isRegistered);
    },
    (aor, before, now) => {
      for (const { report, wants } of changes) if (wants(aor)) report(aor, named(aor, before), named(aor, now));
    },
  );
  const reach = new Reach(table, hash, deps.open);
  const userAgents = new Map<string, string>();

  const onRequest = (call: Call): Verdict => {
    const { message } = call;
    if (message.method !== "REGISTER" || !call.isOurs) return goOn;
    const aor = addressee(message, deps.directory);
    if (aor === "malformed") return refuse(400, "Malformed To");
    if (aor === "unknown") return refuse(404);
    const nowMs = Math.floor(clock.now());
    return plainRefresh(call, aor, nowMs) ?? decided(call, aor, nowMs);
  };

  const plainRefresh = (call: Call, aor: Aor, nowMs: number): Verdict | null => {
    const entry = table.get(aor);
    if (entry === undefined) return null;
    const { message } = call;
    const at = plainRefreshOf(entry.bindings, entry.refreshKeys, message);
    const old = entry.bindings[at];
    const key = entry.refreshKeys[at] ?? null;
    if (old === undefined || key === null || !isPlainRefresh(old, entry.flows[at] ?? null, message, call.source)) return null;
    for (const { expiresAt } of entry.bindings) if (expiresAt <= nowMs) return null;
    // Sent again because our answer was lost, it is answered again.
    const isNew = message.cseq > old.cseq;
    const binding = isNew ? renewed(old, message.cseq, nowMs + key.seconds * 1000) : old;
    if (isNew) table.refresh(entry, at, binding);
    const headers = answerHeaders(hash, aor, entry.bindings, nowMs, { supportsGruu: key.supportsGruu, isOutbound: key.isOutbound, path: NO_PATH, isStream: isStream(call.source.protocol) });
    replyWhenKept(deps.store, call, { status: 200, headers, isRepeatable: true });
    if (isNew) for (const report of arrivals) report(aor, binding.uri);
    return handled;
  };

  const decided = (call: Call, aor: Aor, nowMs: number): Verdict => {
    const request = readRegister(call.message, settings.expires);
    if (request.kind === "refused") return refused(request);
    const loop = loopRefusal(request, aor);
    if (loop !== null) return refused(loop);
    const decision = register(table.get(aor)?.bindings ?? [], request, contextOf(request, call, nowMs));
    if (decision.kind === "refused") return refused(decision);
    if (decision.isChanged) table.replace(aor, decision.bindings, request.isDirect ? call.source : null);
    const isOutbound = request.supportsOutbound && request.contacts.some((contact) => contact.regId > 0 && contact.seconds > 0);
    if (decision.isChanged) rememberRefresh(aor, call.message, request, isOutbound);
    if (log.isDebug) log.debug({ aor, callId: request.callId, count: decision.bindings.length, protocol: call.source.protocol }, "registered");
    const options = { supportsGruu: request.supportsGruu, isOutbound, path: request.supportsPath ? request.path : NO_PATH, isStream: isStream(call.source.protocol) };
    replyWhenKept(deps.store, call, { status: 200, headers: answerHeaders(hash, aor, decision.bindings, nowMs, options) });
    const [contact, ...others] = request.contacts;
    if (contact !== undefined && contact.seconds > 0) for (const report of arrivals) report(aor, others.length === 0 ? contact.uri : "");
    return handled;
  };

  /** A contact that leads back to its own AoR is refused (RFC 5627 §5.1). */
  const loopRefusal = (request: RegisterRequest, aor: Aor): Refusal | null => {
    const isLoop = request.contacts.some(({ parsed, seconds }) => {
      if (seconds === 0 || parsed.port !== 0 || parsed.user === null) return false;
      return deps.directory.aorOf(parsed.user, parsed.host) === aor || reach.aorOfTempGruu(parsed.user)?.aor === aor;
    });
    return isLoop ? refusal(403, "Contact Is Its Own Address") : null;
  };

  const contextOf = (request: RegisterRequest, call: Call, nowMs: number): RegisterContext => ({
    nowMs,
    contactsMax: settings.contactsMax,
    userAgent: keptUserAgent(request.userAgent),
    deviceOf: (contact) => shortName(hash, contact.instance === "" ? `contact ${contactName(contact)}` : `instance ${contact.instance.toLowerCase()}`),
    originOf: (contact) => (request.isDirect ? originOf(contact.parsed, contact.regId > 0 && request.supportsOutbound, readableVia(call.message), call.source) : noOrigin),
  });

  const rememberRefresh = (aor: Aor, message: Message, request: RegisterRequest, isOutbound: boolean): void => {
    const [contact] = request.contacts;
    const latest = table.get(aor)?.bindings.at(-1);
    if (contact === undefined || request.contacts.length !== 1 || contact.seconds === 0 || latest?.uri !== contact.uri) return;
    const number = refreshNumber(message);
    if (number !== null) table.rememberRefresh(aor, { number, seconds: contact.seconds, supportsGruu: request.supportsGruu, isOutbound });
  };

  const keptUserAgent = (text: string): string => {
    const known = userAgents.get(text);
    if (known !== undefined) return known;
    const kept = keptText(text);
    if (userAgents.size < sharedUserAgentsMax) userAgents.set(kept, kept);
    return kept;
  };

  return {
    feature: { name: "registrar", after: ["authentication"], onRequest },
    targets: (aor: Aor): readonly Target[] => reach.targets(aor),
    gruuTarget: (aor, gr) => reach.gruuTarget(aor, gr),
    deviceTarget: (aor, device) => reach.deviceTarget(aor, device),
    deviceOf: (aor, flow, contact) => reach.deviceOf(aor, flow, contact),
    flowOfContact: (uri) => reach.flowOfContact(uri),
    aorOfTempGruu: (user) => reach.aorOfTempGruu(user),
    tempGruuTarget: (user) => {
      const named = reach.aorOfTempGruu(user);
      return named === null ? null : reach.deviceTarget(named.aor, named.device);
    },
    bindings: (aor) => {
      const one = aor === undefined ? undefined : table.get(aor);
      const entries = aor === undefined ? [...table.entries()] : one === undefined ? [] : [one];
      return entries.flatMap((entry) => entry.bindings.map((binding, at) => viewOf(entry.aor, binding, reach.isReachable(entry, at))));
    },
    get counts() {
      return { aors: table.aorCount, bindings: table.bindingCount };
    },
    onRegistered: (report) => {
      arrivals.push(report);
    },
    onChange: (report) => {
      listeners.push(report);
    },
    onBindings: (report, wants) => {
      changes.push({ report, wants });
    },
    registered: (aor) => named(aor, table.get(aor)?.bindings ?? []),
    flowClosed: (flow) => {
      table.dropFlow(flow);
    },
    forget: (aor) => {
      if (table.get(aor) !== undefined) table.replace(aor, [], null);
    },
    restore: () => {
      table.restore((aor) => deps.directory.aorOf(aorUser(aor), aorDomain(aor)) === aor);
    },
  };
}

const NO_PATH: readonly string[] = [];

function refused({ status, reason, headers }: Refusal): Verdict {
  return refuse(status, reason, headers);
}

function viewOf(aor: Aor, binding: Binding, isReachable: boolean): BindingView {
  const { uri, expiresAt, userAgent, q, instance, callId, cseq, origin } = binding;
  const transport = origin.protocol === "none" ? transportOf(uri) : origin.protocol;
  return { aor, uri, expiresAt, userAgent, transport, received: receivedFrom(origin), q, instance, callId, cseq, isReachable };
}

function transportOf(text: string): string {
  const uri = parseSipUri(text);
  return (uri === null ? undefined : uriParam(uri, "transport")?.toLowerCase()) ?? (uri?.scheme === "sips" ? "tls" : "udp");
}

/** The contact as its device would be known by it when it has no instance id. */
function contactName({ parsed }: ContactRequest): string {
  return `${unescapeUser(parsed.user ?? "")}@${parsed.host}:${parsed.port};${(uriParam(parsed, "transport") ?? "").toLowerCase()}`;
}

function readableVia(message: Message): Via | null {
  try {
    return message.topVia;
  } catch (error) {
    if (error instanceof ParseError) return null;
    throw error;
  }
}
