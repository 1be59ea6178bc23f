import { useSignal, useSignalEffect } from "@preact/signals";
import { lazy, Suspense } from "preact/compat";
import type { JSX } from "preact";
import { page } from "./address.ts";
import { BigBoard } from "./board/big-board.tsx";
import { Wallboard } from "./board/wallboard.tsx";
import { Header } from "./header.tsx";
import { follow, leave } from "./live.ts";
import { PersonPanel } from "./person/person-panel.tsx";
import { checkSession, isAdministrator, session } from "./session.ts";
import { isBoard } from "./settings.ts";
import { SignIn } from "./sign-in.tsx";

const Console = lazy(() => import("./console/console.tsx").then((module) => ({ default: module.Console })));
const RENEW_MS = 30 * 60_000;

/** Everything: the sign-in, the wallboard, the console. */
export function App(): JSX.Element {
  const isSlow = useSignal(false);
  useSignalEffect(() => {
    if (session.value == null) return leave;
    follow();
    // A screen that stays on stays signed in.
    const renewal = setInterval(() => void checkSession(), RENEW_MS);
    return () => {
      clearInterval(renewal);
      leave();
    };
  });
  useSignalEffect(() => {
    if (session.value !== undefined) return;
    const timer = setInterval(() => {
      isSlow.value = true;
      void checkSession();
    }, 2000);
    return () => {
      clearInterval(timer);
    };
  });
  if (session.value === undefined) return <p class="waiting" role="status">{isSlow.value ? "The server does not answer; trying again …" : "Connecting …"}</p>;
  if (session.value === null) return <SignIn />;
  if (isBoard) return <BigBoard />;
  return (
    <>
      <Header />
      {page.value === "" || !isAdministrator.value ? (
        <Wallboard />
      ) : (
        <Suspense fallback={<p class="waiting">Opening …</p>}>
          <Console />
        </Suspense>
      )}
      <PersonPanel />
    </>
  );
}
