import type { Aor } from "../base/ids.ts";
import type { PresenceDocument } from "./document.ts";

/** The one state of a person, read at once: what routing and renderings use. */
export interface PresenceStatus {
  /** The same object as long as nothing changed. A person whom no source knows is offline. */
  status(aor: Aor): PresenceDocument;
}
