import { createHash, timingSafeEqual } from "node:crypto";

/** Tells whether a text is the token, in a time that depends on neither's content. Always false while no token is set. */
export type TokenCheck = (offered: string) => boolean;

/** The check for a token; the token itself is not kept. */
export function tokenCheck(token: string | null): TokenCheck {
  if (token === null) return () => false;
  const wanted = digest(token);
  return (offered) => timingSafeEqual(digest(offered), wanted);
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}
