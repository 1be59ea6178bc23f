import { createHash, timingSafeEqual } from "node:crypto";
import type { PersonProof } from "./admin/gatekeeper.ts";
import type { Directory } from "./directory/directory.ts";
import type { Ha1 } from "./directory/user.ts";

/** Signing in to the pages as oneself: a name (id, alias or number) with the password of the phone. The proof ends with the password, or with the person. */
export function peopleWhoSignIn(directory: Pick<Directory, "aorOf" | "user" | "domain">): (name: string, password: string) => PersonProof | null {
  return (name, password) => {
    const aor = directory.aorOf(name.trim(), directory.domain);
    const user = aor === null ? null : directory.user(aor);
    // The same work for a name that nobody has.
    const { kind, wanted } = strongest(user?.ha1 ?? {});
    const shown = createHash(kind).update(`${user?.id ?? name}:${directory.domain}:${password}`, "utf8").digest();
    const isRight = wanted?.length === shown.length && timingSafeEqual(shown, wanted);
    if (user === null || aor === null || !isRight) return null;
    const { ha1 } = user;
    return {
      aor,
      isStill: () => {
        const now = directory.user(aor)?.ha1;
        return now !== undefined && now.md5 === ha1.md5 && now.sha256 === ha1.sha256;
      },
    };
  };
}

function strongest({ sha256, md5 }: Ha1): { readonly kind: "sha256" | "md5"; readonly wanted: Buffer | null } {
  if (sha256 !== undefined) return { kind: "sha256", wanted: Buffer.from(sha256, "hex") };
  return md5 === undefined ? { kind: "sha256", wanted: null } : { kind: "md5", wanted: Buffer.from(md5, "hex") };
}
