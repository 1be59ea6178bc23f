import { ParseError } from "../base/errors.ts";
import { childOf, parseXml, type XmlElement } from "./xml.ts";
import { bytesOf, escapeSipText, escapeUri } from "./xml-text.ts";

/** The state of a dialog (RFC 4235 §3.7.1). */
export type DialogState = "trying" | "proceeding" | "early" | "confirmed" | "terminated";

/** One side of a dialog. */
export interface DialogParty {
  /** Its address; empty writes no element for this side. */
  readonly uri: string;
  readonly display?: string;
  /** Its Contact URI; the address stands in for it when it is not known. */
  readonly target?: string;
}

/** One dialog as the watched user's side sees it (RFC 4235 §4.1). All texts are SIP text: bytes as latin1. */
export interface DialogView {
  /** Unique among the user's dialogs, and stable as long as the dialog lives. */
  readonly id: string;
  readonly callId: string;
  /** Tags as the watched user's device sees them; empty while there is none. */
  readonly localTag: string;
  readonly remoteTag: string;
  /** `initiator`: the watched user called; `recipient`: he was called. */
  readonly direction: "initiator" | "recipient";
  readonly state: DialogState;
  readonly local: DialogParty;
  readonly remote: DialogParty;
  readonly onHold?: boolean;
}

/** What a full dialog-info document holds. `entity` is the URI that the watcher subscribed to. */
export interface DialogInfo {
  readonly entity: string;
  /** One more with every document of a subscription (RFC 4235 §4.1). */
  readonly version: number;
  readonly state: "full";
  readonly dialogs: readonly DialogView[];
}

/** How a watcher's phone wants its documents written, where phones differ. */
export interface DialogForm {
  /** What a user without dialogs is shown by: the dummy dialog in state terminated, which Yealink, Aastra and Bria need, or no dialog at all. */
  readonly idle: "dummy" | "empty";
  /** What a caller's own dialog says until it is answered: its true state, or `confirmed` for phones whose lamp must be steady while the user calls out. */
  readonly caller: "early" | "confirmed";
  /** Who the other side is: shown, shown as anonymous, or left out. */
  readonly remote: "shown" | "anonymous" | "none";
  /** The attribute of `+sip.rendering`. DEVIATION: RFC 4235 §4.4 says `pval`; `pvalue` is for phones that were built after its examples. */
  readonly hold: "pval" | "pvalue";
}

/** What RFC 4235 says, with the dummy dialog. */
export const STANDARD_DIALOG_FORM: DialogForm = { idle: "dummy", caller: "early", remote: "shown", hold: "pval" };

/** A dialog that somebody else wrote: anything but its state may be missing. */
export interface ParsedDialog {
  readonly id: string;
  readonly callId?: string;
  readonly localTag?: string;
  readonly remoteTag?: string;
  readonly direction?: "initiator" | "recipient";
  readonly state: DialogState;
  readonly local?: DialogParty;
  readonly remote?: DialogParty;
  readonly onHold: boolean;
}

/** A dialog-info document that somebody else wrote. */
export interface ParsedDialogInfo {
  readonly entity: string;
  readonly version: number;
  readonly state: "full" | "partial";
  readonly dialogs: readonly ParsedDialog[];
}

const NAMESPACE = "urn:ietf:params:xml:ns:dialog-info";

/** A full document (bytes as latin1). A user without dialogs gets the dummy one in state terminated, which Yealink, Aastra and Bria need. */
export function renderDialogInfo(info: DialogInfo): string {
  const { head, tail } = renderDialogInfoParts(info.entity, info.dialogs);
  return head + String(info.version) + tail;
}

/** The same document around its version number, which differs from watcher to watcher: `head + version + tail`. */
export function renderDialogInfoParts(entity: string, dialogs: readonly DialogView[], form: DialogForm = STANDARD_DIALOG_FORM): { readonly head: string; readonly tail: string } {
  const idle = form.idle === "dummy" ? dummyDialog(entity) : "";
  const inside = dialogs.length === 0 ? idle : dialogs.map((view) => dialogElement(view, form)).join("");
  return {
    head: `<?xml version="1.0" encoding="UTF-8"?>\n<dialog-info xmlns="${NAMESPACE}" version="`,
    tail: `" state="full" entity="${escapeUri(entity)}">\n${inside}</dialog-info>\n`,
  };
}

/** Reads a dialog-info document (bytes as latin1) of any writer; what it holds comes back as SIP text. Throws ParseError when it is no XML,
 *  its root is another, or a dialog has no state of RFC 4235. */
export function parseDialogInfo(body: string): ParsedDialogInfo {
  const root = parseXml(body);
  if (root.name !== "dialog-info") throw new ParseError(`a dialog document begins with <dialog-info>, this one with <${root.name.slice(0, 40)}>`);
  const version = Number(root.attributes.get("version") ?? "0");
  return {
    entity: bytesOf(root.attributes.get("entity")?.trim() ?? ""),
    version: Number.isSafeInteger(version) && version >= 0 ? version : 0,
    state: root.attributes.get("state") === "partial" ? "partial" : "full",
    dialogs: root.children.filter((child) => child.name === "dialog" && child.namespace === root.namespace).map(dialog),
  };
}

const ANONYMOUS: DialogParty = { uri: "sip:anonymous@anonymous.invalid", display: "Anonymous" };
const NOBODY: DialogParty = { uri: "" };

function dialogElement(view: DialogView, form: DialogForm): string {
  const isWaiting = view.direction === "initiator" && view.state !== "confirmed" && view.state !== "terminated";
  const state = isWaiting && form.caller === "confirmed" ? "confirmed" : view.state;
  const remote = form.remote === "shown" ? view.remote : form.remote === "anonymous" ? ANONYMOUS : NOBODY;
  return (
    ` <dialog id="${escapeSipText(view.id)}"${attribute("call-id", view.callId)}${attribute("local-tag", view.localTag)}` +
    `${attribute("remote-tag", view.remoteTag)} direction="${view.direction}">\n  <state>${state}</state>\n` +
    participant("local", view.local, view.onHold === true ? form.hold : null) +
    participant("remote", remote, null) +
    " </dialog>\n"
  );
}

function participant(side: "local" | "remote", party: DialogParty, hold: DialogForm["hold"] | null): string {
  if (party.uri === "") return "";
  const uri = escapeUri(party.uri);
  const target = party.target === undefined ? uri : escapeUri(party.target);
  // RFC 4235 §4.1.6.1: a target that renders nothing has put its peer on hold.
  const end = hold === null ? "/>" : `><param pname="+sip.rendering" ${hold}="no"/></target>`;
  return `  <${side}><identity${attribute("display", party.display ?? "")}>${uri}</identity><target uri="${target}"${end}</${side}>\n`;
}

function attribute(name: string, value: string): string {
  return value === "" ? "" : ` ${name}="${escapeSipText(value)}"`;
}

function dummyDialog(entity: string): string {
  const user = /^[^:]*:([^@;?]+)@/.exec(entity)?.[1] ?? "0";
  return ` <dialog id="${escapeSipText(user)}"><state>terminated</state></dialog>\n`;
}

function dialog(element: XmlElement): ParsedDialog {
  const text = (name: string): string | undefined => {
    const value = element.attributes.get(name);
    return value === undefined || value === "" ? undefined : bytesOf(value);
  };
  const [callId, localTag, remoteTag] = [text("call-id"), text("local-tag"), text("remote-tag")];
  const direction = element.attributes.get("direction");
  const local = childOf(element, "local");
  const remote = childOf(element, "remote");
  return {
    id: text("id") ?? "",
    ...(callId === undefined ? {} : { callId }),
    ...(localTag === undefined ? {} : { localTag }),
    ...(remoteTag === undefined ? {} : { remoteTag }),
    ...(direction === "initiator" || direction === "recipient" ? { direction } : {}),
    state: stateOf(childOf(element, "state")?.text),
    ...(local === undefined ? {} : { local: party(local) }),
    ...(remote === undefined ? {} : { remote: party(remote) }),
    onHold: local !== undefined && isHeld(local),
  };
}

function stateOf(text: string | undefined): DialogState {
  const word = text?.toLowerCase();
  switch (word) {
    case "trying":
    case "proceeding":
    case "early":
    case "confirmed":
    case "terminated":
      return word;
    default:
      throw new ParseError(`a dialog's state is one of RFC 4235, not "${(text ?? "").slice(0, 40)}"`);
  }
}

function party(element: XmlElement): DialogParty {
  const identity = childOf(element, "identity");
  const display = identity?.attributes.get("display");
  const target = childOf(element, "target")?.attributes.get("uri");
  return {
    uri: bytesOf(identity?.text ?? target ?? ""),
    ...(display === undefined || display === "" ? {} : { display: bytesOf(display) }),
    ...(target === undefined || target === "" ? {} : { target: bytesOf(target) }),
  };
}

/** `pvalue` is what some phones write for `pval`. */
function isHeld(local: XmlElement): boolean {
  const params = childOf(local, "target")?.children ?? [];
  return params.some((param) => param.attributes.get("pname") === "+sip.rendering" && (param.attributes.get("pval") ?? param.attributes.get("pvalue")) === "no");
}
