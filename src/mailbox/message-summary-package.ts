import { ParseError } from "../base/errors.ts";
import type { Aor } from "../base/ids.ts";
import { MESSAGE_SUMMARY_TYPE, parseMessageSummary, renderMessageSummary, type MessageSummary } from "../documents/message-summary.ts";
import type { EventPackage, Publishing, Rendered, Watching } from "../subscription/event-package.ts";
import type { Standing } from "../subscription/standing.ts";
import type { Mailbox, MailboxTable } from "./mailbox-table.ts";

/** Persons whose renderings are kept. */
const RENDERED_MAX = 20_000;
const NOTHING: MessageSummary = { isWaiting: false, account: "", counts: new Map() };

/** Event package `message-summary` (RFC 3842): fed by PUBLISH from a voicemail server and by the API. A mailbox of which nothing is known has nothing waiting. `standingOf`: who may see whose; default: everyone
 *  his own. */
export function messageSummaryPackage(
  mailboxes: Pick<MailboxTable, "get" | "published">,
  standingOf: (watcher: Aor | null, resource: Aor) => Standing = (watcher, resource) => (watcher === resource ? "allow" : "block"),
): EventPackage {
  const rendered = new Map<Aor, { readonly mailbox: Mailbox | null; readonly entity: string; readonly body: Rendered }>();

  return {
    name: "message-summary",
    types: [MESSAGE_SUMMARY_TYPE],
    publishTypes: [MESSAGE_SUMMARY_TYPE],

    admits: ({ watcher }) => (watcher === null ? { status: 403, reason: "Forbidden" } : null),

    isListable: true,
    standingOf: ({ watcher, resource }) => standingOf(watcher, resource),

    render({ resource, entity }: Watching): Rendered {
      const mailbox = mailboxes.get(resource);
      const known = rendered.get(resource);
      if (known?.mailbox === mailbox && known.entity === entity) return known.body;
      const body = { contentType: MESSAGE_SUMMARY_TYPE, head: renderMessageSummary(mailbox ?? NOTHING, entity), tail: "", isVersioned: false };
      if (known === undefined && rendered.size >= RENDERED_MAX) for (const [first] of rendered) if (rendered.delete(first)) break;
      rendered.set(resource, { mailbox, entity, body });
      return body;
    },

    checkPublication(_contentType: string, body: string): Publishing {
      const summary = read(body);
      return summary instanceof ParseError ? { kind: "refused", status: summary.status, reason: `Bad Request: ${summary.message}` } : { kind: "taken" };
    },

    published(id, { resource, body, publishedAt }) {
      const summary = read(body);
      if (!(summary instanceof ParseError)) mailboxes.published(id, resource, summary, publishedAt);
    },

    unpublished(id, resource) {
      mailboxes.published(id, resource, null, 0);
    },
  };
}

function read(body: string): MessageSummary | ParseError {
  try {
    return parseMessageSummary(body);
  } catch (err) {
    if (err instanceof ParseError) return err;
    throw err;
  }
}
