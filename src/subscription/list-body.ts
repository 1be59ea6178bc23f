import { bodyPart, joinedParts } from "../documents/multipart.ts";
import { renderRlmi, rlmiResource, RLMI_TYPE, type RlmiResource } from "../documents/rlmi.ts";
import type { Asking, Rendered } from "./event-package.ts";
import type { ListMember, ListWatch } from "./list-watch.ts";
import type { Subscription } from "./subscription.ts";

/** The boundary: no document of ours holds it. A token, so that it stands without quotes: linphone takes quotes for a part of it, and crashes. */
const BOUNDARY = "lamplight-list";
/** What an rlmi document, its part's headers and the boundaries take beside resources and parts. */
const ENVELOPE = 380;
/** Bytes of the headers and the boundary of one member's part. */
const PART_ENVELOPE = 130;

const marker = (contentType: string): Rendered => ({ contentType, head: "", tail: "", isVersioned: false });
/** What a watcher was told of a member whose subscription is no active one. */
const REJECTED = marker("rejected");
const PENDING = marker("pending");
const NOBODY = marker("noresource");

/** What stands for the body of a list in the record of what was sent: the bodies themselves would fill the memory. */
export const LIST_SENT: Rendered = { contentType: "multipart/related", head: "", tail: "", isVersioned: false };

/** The next body of a subscription to a list (RFC 4662 §5): everyone when it must be full, else those who look different; null when nobody does. What it holds counts
 *  as told: it must be sent. At most about `bytesMax`, and at least everyone's name or one member: what does not fit is told by the next NOTIFY, which the notifier sends when this one
 *  is acknowledged. */
export function listBody(subscription: Subscription, list: ListWatch, bytesMax: number): Rendered | null {
  const { of } = list;
  const wasFull = list.mustBeFull;
  if (wasFull) list.begin();
  const version = subscription.cseq;
  const names = wasFull && of.members.reduce((size, { uri, name }) => size + rlmiSize(uri, name), ENVELOPE) <= bytesMax;
  // DEVIATION: RFC 4662 §4.5 wants the full state at once. A phone that takes datagrams of one MTU only gets it in pieces: the first time the list grows with them; when
  // its phone knows the members already, no piece says that it is all, so that no lamp goes dark for a moment.
  const isFull = wasFull && (names || !list.isKnown);
  const tag = subscription.dialog.localTag.replace(/[^A-Za-z0-9._-]/g, "");
  const written = (contentId: string): string => (subscription.profile.lists === "linphone" ? `Content-Id: ${contentId}` : `Content-ID: <${contentId}>`);
  const told = new Map<number, RlmiResource>();
  const parts: string[] = [];
  let size = names ? of.members.reduce((sum, { uri, name }) => sum + rlmiSize(uri, name), ENVELOPE) : ENVELOPE;

  for (const at of list.changedPlaces()) {
    const member = of.members[at];
    if (member === undefined) continue;
    const now = memberBody(subscription, member);
    if (list.isTold(at, now)) {
      list.tell(at, now);
      continue;
    }
    const text = now.isVersioned ? `${now.head}${version}${now.tail}` : now.head;
    const cid = text === "" ? "" : `${at}.${version}@${tag}`;
    const state = now === PENDING ? "pending" : now === REJECTED || now === NOBODY ? "terminated" : "active";
    const reason = now === REJECTED ? "rejected" : now === NOBODY ? "noresource" : "";
    const resource = { uri: member.uri, name: wasFull ? member.name : "", instance: { id: of.instanceId(at), state, reason, cid } } as const;
    const more = rlmiResource(resource).length + (text === "" ? 0 : text.length + PART_ENVELOPE);
    // A root that names everyone is worth a NOTIFY of its own.
    if ((told.size > 0 || names) && size + more > bytesMax) break;
    size += more;
    told.set(at, resource);
    if (text !== "") parts.push(bodyPart(now.contentType, written(cid), text));
    list.tell(at, now);
  }
  if (told.size === 0 && !wasFull) return null;
  const resources = names ? of.members.map(({ uri, name }, at) => told.get(at) ?? { uri, name, instance: null }) : [...told.values()];
  const rootId = `list.${version}@${tag}`;
  const root = bodyPart(`${RLMI_TYPE};charset="UTF-8"`, written(rootId), renderRlmi({ uri: subscription.entity, version, isFull, name: wasFull ? of.name : "", resources }));
  return {
    contentType: `multipart/related;type="${RLMI_TYPE}";start="<${rootId}>";boundary=${BOUNDARY}`,
    head: joinedParts([root, ...parts], BOUNDARY),
    tail: "",
    isVersioned: false,
  };
}

/** What the watcher of a list may see of one member now. */
function memberBody(subscription: Subscription, { aor, uri }: ListMember): Rendered {
  if (aor === null) return NOBODY;
  const { pack, watcher, userAgent, profile, accept, variant } = subscription;
  const asking: Asking = { resource: aor, entity: uri, watcher, userAgent, profile, accept };
  if (pack.admits(asking) !== null) return REJECTED;
  const standing = pack.standingOf?.(asking) ?? "allow";
  if (standing === "block") return REJECTED;
  return standing === "pending" ? PENDING : pack.render({ ...asking, variant, standing });
}

function rlmiSize(uri: string, name: string): number {
  return 24 + uri.length + (name === "" ? 0 : name.length * 2 + 24);
}
