import { computed, signal } from "@preact/signals";
import { ask, askSession } from "./api.ts";
import type { Session } from "./facts.ts";
import { chosenMe } from "./settings.ts";

/** Who is signed in: undefined until the server has said, null for nobody. */
export const session = signal<Session | null | undefined>(undefined);

/** True for the holder of the server's token. */
export const isAdministrator = computed(() => session.value?.viewer === "administrator");

/** The person who sits here: who signed in as himself, or whom the holder of the token has picked; empty for nobody. */
export const me = computed(() => (session.value?.viewer === "person" ? (session.value.aor ?? "") : chosenMe.value));

/** Asks who is signed in. False when the server did not answer. */
export async function checkSession(): Promise<boolean> {
  const found = await askSession();
  if (found.ok) session.value = found.value.viewer === null ? null : found.value;
  return found.ok || found.status !== 0;
}

/** Signs in; resolves with what is wrong, or an empty text. */
export async function signIn(shown: { readonly token: string } | { readonly user: string; readonly password: string }): Promise<string> {
  const opened = await ask<unknown>("POST", "api/session", shown);
  if (!opened.ok) return opened.message;
  await checkSession();
  return session.value === null ? "This browser does not keep the cookie of the session." : "";
}

/** Signs out. */
export async function signOut(): Promise<void> {
  await ask<unknown>("DELETE", "api/session");
  await checkSession();
}
