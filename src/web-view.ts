import type { Viewer } from "./admin/route.ts";
import type { User } from "./directory/user.ts";
import { watchStanding } from "./presence/watch-rules.ts";

/** What a viewer of the pages and the API sees of a person: `all`; `state`: what he does, never with whom; `offline`: what is shown to the politely blocked, always the
 *  same; `none`: it is as if there were no such person. */
export type View = "all" | "state" | "offline" | "none";

/** What that viewer may see of that person. Everybody sees all of himself. */
export function viewOf(viewer: Viewer, person: User): View {
  if (viewer.kind === "administrator" || viewer.aor === person.aor) return "all";
  const standing = watchStanding(viewer.aor, person);
  if (standing === "allow") return person.isPrivate === true ? "state" : "all";
  return standing === "polite" ? "offline" : "none";
}
