import type { Aor } from "../base/ids.ts";
import { isShown, type Dialog } from "../dialog/dialog.ts";
import { renderDialogInfoParts } from "../documents/dialog-info.ts";
import type { EventPackage, Rendered, Watching } from "../subscription/event-package.ts";
import { shownDialogs } from "./lamp.ts";
import type { LampDialogs } from "./lamps.ts";

const DIALOG_INFO = "application/dialog-info+xml";
/** Ways to name one person that are rendered apart at once. */
const ENTITIES_PER_AOR_MAX = 16;
/** Persons whose renderings are kept; the one that was rendered first goes first. */
const RENDERED_MAX = 20_000;

/** Event package `dialog` (RFC 4235): a person's calls in full documents, one rendering for all who subscribed to the same URI. A rendering is
 *  good as long as the table's revision of that person stays. */
export function dialogPackage(table: Pick<LampDialogs, "dialogsOf" | "revision">): EventPackage {
  const rendered = new Map<Aor, { readonly revision: number; readonly byEntity: Map<string, Rendered> }>();

  const renderingsOf = (aor: Aor): Map<string, Rendered> => {
    const revision = table.revision(aor);
    const known = rendered.get(aor);
    if (known?.revision === revision && known.byEntity.size < ENTITIES_PER_AOR_MAX) return known.byEntity;
    const byEntity = new Map<string, Rendered>();
    if (known === undefined && rendered.size >= RENDERED_MAX) for (const [first] of rendered) if (rendered.delete(first)) break;
    rendered.set(aor, { revision, byEntity });
    return byEntity;
  };

  return {
    name: "dialog",
    types: [DIALOG_INFO],
    publishTypes: [],

    admits: ({ watcher }) => (watcher === null ? { status: 403, reason: "Forbidden" } : null),

    render({ resource, entity }: Watching): Rendered {
      const byEntity = renderingsOf(resource);
      let body = byEntity.get(entity);
      if (body === undefined) {
        const { head, tail } = renderDialogInfoParts(entity, shownDialogs(visible(table.dialogsOf(resource))));
        body = { contentType: DIALOG_INFO, head, tail, isVersioned: true };
        byEntity.set(entity, body);
      }
      return body;
    },
  };
}

function visible(dialogs: readonly Dialog[]): readonly Dialog[] {
  return dialogs.filter(isShown);
}
