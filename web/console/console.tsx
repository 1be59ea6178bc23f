import type { JSX } from "preact";
import { page } from "../address.ts";
import { Calls } from "./calls.tsx";
import { Health } from "./health.tsx";
import { Phones } from "./phones.tsx";
import { Registrations } from "./registrations.tsx";
import { Subscriptions } from "./subscriptions.tsx";

const PAGES: Readonly<Record<string, () => JSX.Element>> = { calls: Calls, registrations: Registrations, subscriptions: Subscriptions, phones: Phones, health: Health };

/** What one opens when something is odd. */
export function Console(): JSX.Element {
  const Page = PAGES[page.value];
  return (
    <main class="console">
      {Page === undefined ? (
        <div class="empty">
          <h1>There is no such page</h1>
          <p><a href="#/">To the wallboard</a></p>
        </div>
      ) : (
        <Page key={page.value} />
      )}
    </main>
  );
}
