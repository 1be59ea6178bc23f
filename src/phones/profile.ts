import type { AlertInfoForm, DigestAlgorithm, PickupForm } from "../config/config.ts";
import type { DialogForm } from "../documents/dialog-info.ts";
import type { PresenceForm } from "../documents/presence-body.ts";

/** What one brand or model of phone needs, where phones differ. Chosen once, when a phone subscribes; never asked for in a NOTIFY. */
export interface PhoneProfile {
  /** `snom`; a rule of the operator's shows as `snom + rule 1`. */
  readonly name: string;
  /** The document of `Event: presence` that it understands best. */
  readonly presence: PresenceForm;
  /** How many dialogs one document may hold: all, or the one that its lamp follows. */
  readonly dialogs: "all" | "one";
  readonly dialog: DialogForm;
  /** What it publishes of itself, for the page that shows it. */
  readonly publish: "pidf" | "im" | "none";
  readonly pickup: PickupForm;
  readonly alertInfo: AlertInfoForm;
  /** What its challenges offer; null for what the server offers everyone. */
  readonly digest: readonly DigestAlgorithm[] | null;
  /** Whether its Accept header says what it really takes. */
  readonly accept: "honoured" | "ignored";
  /** How it wants NOTIFYs for lists: as RFC 4662 has them, or as linphone alone reads them. */
  readonly lists: "standard" | "linphone";
  /** Answers to NOTIFY that end its subscription, beside 404 and 481. */
  readonly gone: readonly number[];
  /** What it is answered when it, or its site, subscribes too often: the status after which it comes back later and leaves nothing else. */
  readonly overload: 403 | 480 | 503;
}
