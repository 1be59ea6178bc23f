import { unreachable } from "../base/errors.ts";
import { keptText } from "../base/kept-text.ts";
import { hasUri, liveBindings, sameInstance, type Binding, type Origin } from "./binding.ts";
import type { ContactRequest } from "./contact.ts";
import { refusal, type Refusal } from "./refusal.ts";
import type { RegisterRequest } from "./register-request.ts";

/** What becomes of a REGISTER: the AoR's bindings after it, all of them or a refusal of all (RFC 3261 §10.3 step 7). */
export type Decision = Accepted | Refusal;

/** The bindings after a REGISTER, the most recently registered last. */
export interface Accepted {
  readonly kind: "accepted";
  readonly bindings: readonly Binding[];
  /** False for a query, and for a repeat that changes nothing. */
  readonly isChanged: boolean;
}

/** What the decision needs beyond the request. */
export interface RegisterContext {
  readonly nowMs: number;
  /** Bindings of one AoR; more are refused with 403. */
  readonly contactsMax: number;
  /** How the sender of this REGISTER is reached at that contact. */
  readonly originOf: (contact: ContactRequest) => Origin;
  /** The device's short name. */
  readonly deviceOf: (contact: ContactRequest) => string;
  /** The User-Agent as it is kept: a copy, shared by all devices of that kind. */
  readonly userAgent: string;
}

/** Applies a REGISTER to the bindings of its AoR (RFC 3261 §10.3 steps 6 and 7, RFC 5626 §6). */
export function register(existing: readonly Binding[], request: RegisterRequest, context: RegisterContext): Decision {
  const live = liveBindings(existing, context.nowMs);
  const { contacts } = request;
  if (request.isAll) return removeAll(live, existing, request);
  if (contacts.length === 0) return { kind: "accepted", bindings: live, isChanged: live !== existing };
  let bindings = live;
  const named = new Set<Binding>();
  const replacing: ContactRequest[] = [];
  for (const contact of contacts) {
    const matches = bindings.filter((binding) => isMatch(binding, contact));
    const order = cseqOrder(matches, request);
    if (order === "stale") return staleRefusal();
    for (const match of matches) named.add(match);
    if (order === "repeat") continue;
    const others = matches.length === 0 ? bindings : bindings.filter((binding) => !matches.includes(binding));
    if (contact.seconds === 0) {
      bindings = others;
      continue;
    }
    if (matches.length === 0 && contact.instance !== "" && contact.regId === 0) replacing.push(contact);
    const made = bindingOf(contact, request, context);
    named.add(made);
    bindings = [...others, made];
  }
  for (const contact of replacing) {
    // DEVIATION: RFC 3261 would keep the contact that a phone had before it started anew elsewhere until it expires; a phone whose instance id
    // comes back under another contact (baresip, Linphone after a change of address) replaces it, so that calls do not fork into the void.
    const replaced = bindings.filter((binding) => !named.has(binding) && binding.regId === 0 && sameInstance(binding.instance, contact.instance));
    if (cseqOrder(replaced, request) === "stale") return staleRefusal();
    if (replaced.length > 0) bindings = bindings.filter((binding) => !replaced.includes(binding));
  }
  if (bindings.length > context.contactsMax && bindings.length > live.length) return refusal(403, `More Than ${context.contactsMax} Contacts`);
  return { kind: "accepted", bindings, isChanged: bindings !== existing };
}

/** How the request stands to the bindings that it would change: `newer` changes them, `repeat` was seen before, `stale` came too late. */
function cseqOrder(bindings: readonly Binding[], request: RegisterRequest): "newer" | "repeat" | "stale" {
  let order: "newer" | "repeat" = "newer";
  for (const binding of bindings) {
    if (binding.callId !== request.callId || request.cseq > binding.cseq) continue;
    if (request.cseq < binding.cseq) return "stale";
    order = "repeat";
  }
  return order;
}

function removeAll(live: readonly Binding[], existing: readonly Binding[], request: RegisterRequest): Decision {
  const order = cseqOrder(live, request);
  switch (order) {
    case "stale":
      return staleRefusal();
    case "repeat":
      return { kind: "accepted", bindings: live, isChanged: live !== existing };
    case "newer":
      return { kind: "accepted", bindings: [], isChanged: existing.length > 0 };
    default:
      return unreachable(order, "removeAll");
  }
}

function staleRefusal(): Refusal {
  return refusal(500, "CSeq Out Of Order");
}

/** A flow is known by instance and reg-id, a contact without them by its URI (RFC 5626 §6). */
function isMatch(binding: Binding, contact: ContactRequest): boolean {
  if (contact.regId > 0 && binding.regId > 0) return binding.regId === contact.regId && sameInstance(binding.instance, contact.instance);
  return hasUri(binding, contact.uri, contact.parsed);
}

function bindingOf(contact: ContactRequest, request: RegisterRequest, context: RegisterContext): Binding {
  return {
    uri: keptText(contact.uri),
    q: contact.q,
    expiresAt: context.nowMs + contact.seconds * 1000,
    callId: keptText(request.callId),
    cseq: request.cseq,
    instance: keptText(contact.instance),
    regId: contact.regId,
    path: request.path.length === 0 ? NO_PATH : request.path.map(keptText),
    device: context.deviceOf(contact),
    userAgent: context.userAgent,
    origin: context.originOf(contact),
  };
}

const NO_PATH: readonly string[] = [];
