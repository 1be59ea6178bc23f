import { createHash, timingSafeEqual } from "node:crypto";
import type { People } from "./admin/gatekeeper.ts";
import { parseAor } from "./base/ids.ts";
import type { Directory } from "./directory/directory.ts";
import type { Ha1 } from "./directory/user.ts";

/** Signing in to the pages as oneself: a name (id, alias or number) with the password of the phone. What was proved holds as long as the password does, and the person. */
export function peopleWhoSignIn(directory: Pick<Directory, "aorOf" | "user" | "domain">): People {
  return {
    prove(name, password) {
      const aor = directory.aorOf(name.trim(), directory.domain);
      const user = aor === null ? null : directory.user(aor);
      // The same work for a name that nobody has.
      const { kind, wanted } = strongest(user?.ha1 ?? {});
      const shown = createHash(kind).update(`${user?.id ?? name}:${directory.domain}:${password}`, "utf8").digest();
      if (user === null || aor === null || wanted?.length !== shown.length || !timingSafeEqual(shown, wanted)) return null;
      return `${markOf(user.ha1)} ${aor}`;
    },
    read(proof) {
      const aor = parseAor(proof.slice(proof.indexOf(" ") + 1));
      const user = aor === null ? null : directory.user(aor);
      return user !== null && proof === `${markOf(user.ha1)} ${user.aor}` ? user.aor : null;
    },
  };
}

function strongest({ sha256, md5 }: Ha1): { readonly kind: "sha256" | "md5"; readonly wanted: Buffer | null } {
  if (sha256 !== undefined) return { kind: "sha256", wanted: Buffer.from(sha256, "hex") };
  return md5 === undefined ? { kind: "sha256", wanted: null } : { kind: "md5", wanted: Buffer.from(md5, "hex") };
}

/** Another one for another password; tells nothing of either. */
function markOf({ sha256 = "", md5 = "" }: Ha1): string {
  return createHash("sha256").update(`session:${sha256}:${md5}`).digest("base64url").slice(0, 22);
}
