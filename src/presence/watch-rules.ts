import type { Aor } from "../base/ids.ts";
import type { User } from "../directory/user.ts";
import type { Standing } from "../subscription/standing.ts";

/** Whether that viewer (null: a stranger, or nobody who is known) may watch that person. The person himself may; of what the directory says the strictest that names
 *  the viewer counts, so that a block is never undone by a group. Every way to a person's state asks here: SUBSCRIBE, lists, the API, the pages. */
export function watchStanding(viewer: Aor | null, person: Pick<User, "aor" | "watchers">): Standing {
  if (viewer === null) return "block";
  if (viewer === person.aor) return "allow";
  const { watchers } = person;
  if (watchers === undefined) return "allow";
  if (watchers.block.has(viewer)) return "block";
  if (watchers.politeBlock.has(viewer)) return "polite";
  if (watchers.allow === "domain" || watchers.allow.has(viewer)) return "allow";
  return watchers.others === "ask" ? "pending" : "block";
}

/** Whether that viewer may see that person's message lamp: his own, or whose `watchers.messages` names him; a block counts here too. */
export function messagesStanding(viewer: Aor | null, person: Pick<User, "aor" | "watchers">): Standing {
  if (viewer === person.aor) return "allow";
  const { watchers } = person;
  return viewer !== null && watchers?.messages.has(viewer) === true && !watchers.block.has(viewer) ? "allow" : "block";
}
