import type { Aor } from "../base/ids.ts";
import { isShown, type Dialog } from "../dialog/dialog.ts";
import { renderDialogInfoParts, STANDARD_DIALOG_FORM, type DialogForm } from "../documents/dialog-info.ts";
import type { PhoneProfile } from "../phones/profile.ts";
import type { EventPackage, Rendered, Watching } from "../subscription/event-package.ts";
import type { Standing } from "../subscription/standing.ts";
import { DIALOGS_SHOWN_MAX, shownDialogs } from "./lamp.ts";
import type { LampDialogs } from "./lamps.ts";

const DIALOG_INFO = "application/dialog-info+xml";
/** Ways to name one person that are rendered apart at once, in one form. */
const ENTITIES_PER_AOR_MAX = 16;
/** Persons whose renderings are kept; the one that was rendered first goes first. */
const RENDERED_MAX = 20_000;

/** One way to write lamps; phones whose profiles write them alike share it. */
interface LampForm {
  readonly form: DialogForm;
  readonly atMost: number;
}

/** A person's renderings in one state of his calls, by form. */
interface Renderings {
  readonly revision: number;
  /** At twice the variant; one further without the other party. */
  readonly forms: Map<string, Rendered>[];
}

/** Event package `dialog` (RFC 4235): a person's calls in full documents, one rendering for all who subscribed to the same URI with phones that read the
 *  same form. A rendering is good as long as the table's revision of that person stays. `isPrivate`: others see that the person talks, never with whom.
 *  `standingOf`: the politely blocked see an idle lamp. */
export function dialogPackage(
  table: Pick<LampDialogs, "dialogsOf" | "revision">,
  isPrivate: (aor: Aor) => boolean = () => false,
  standingOf: (watcher: Aor | null, resource: Aor) => Standing = () => "allow",
): EventPackage {
  const rendered = new Map<Aor, Renderings>();
  const known: LampForm[] = [];

  const formOf = (variant: number, isHidden: boolean): LampForm => {
    const found = known[variant] ?? STANDARD_FORM;
    return !isHidden || found.form.remote === "none" ? found : { ...found, form: { ...found.form, remote: "anonymous" } };
  };

  const renderingsOf = (aor: Aor, at: number): Map<string, Rendered> => {
    const revision = table.revision(aor);
    let found = rendered.get(aor);
    if (found?.revision !== revision) {
      if (found === undefined && rendered.size >= RENDERED_MAX) for (const [first] of rendered) if (rendered.delete(first)) break;
      found = { revision, forms: [] };
      rendered.set(aor, found);
    }
    let byEntity = found.forms[at];
    if (byEntity === undefined || byEntity.size >= ENTITIES_PER_AOR_MAX) found.forms[at] = byEntity = new Map<string, Rendered>();
    return byEntity;
  };

  return {
    name: "dialog",
    types: [DIALOG_INFO],
    publishTypes: [],

    admits: ({ watcher }) => (watcher === null ? { status: 403, reason: "Forbidden" } : null),

    isListable: true,
    standingOf: ({ watcher, resource }) => standingOf(watcher, resource),

    variantOf({ profile }) {
      const wanted = lampForm(profile);
      const at = known.findIndex((one) => isEqual(one, wanted));
      return at === -1 ? known.push(wanted) - 1 : at;
    },

    render({ resource, entity, variant, watcher, standing }: Watching): Rendered {
      if (standing !== "allow") {
        const { form, atMost } = formOf(variant, true);
        return lampDocument(entity, [], form, atMost);
      }
      const isHidden = watcher !== resource && isPrivate(resource);
      const byEntity = renderingsOf(resource, 2 * variant + Number(isHidden));
      let body = byEntity.get(entity);
      if (body === undefined) {
        const { form, atMost } = formOf(variant, isHidden);
        body = lampDocument(entity, table.dialogsOf(resource), form, atMost);
        byEntity.set(entity, body);
      }
      return body;
    },
  };
}

/** What a phone of that profile is sent of these dialogs. */
export function lampBody(profile: PhoneProfile, entity: string, dialogs: readonly Dialog[]): Rendered {
  const { form, atMost } = lampForm(profile);
  return lampDocument(entity, dialogs, form, atMost);
}

function lampDocument(entity: string, dialogs: readonly Dialog[], form: DialogForm, atMost: number): Rendered {
  const { head, tail } = renderDialogInfoParts(entity, shownDialogs(dialogs.filter(isShown), atMost), form);
  return { contentType: DIALOG_INFO, head, tail, isVersioned: true };
}

function lampForm({ dialog, dialogs }: PhoneProfile): LampForm {
  return { form: dialog, atMost: dialogs === "one" ? 1 : DIALOGS_SHOWN_MAX };
}

const STANDARD_FORM: LampForm = { form: STANDARD_DIALOG_FORM, atMost: DIALOGS_SHOWN_MAX };

function isEqual(a: LampForm, b: LampForm): boolean {
  return a.atMost === b.atMost && a.form.idle === b.form.idle && a.form.caller === b.form.caller && a.form.remote === b.form.remote && a.form.hold === b.form.hold;
}
