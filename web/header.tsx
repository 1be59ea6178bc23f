import type { JSX } from "preact";
import { page } from "./address.ts";
import { LinkState } from "./link-state.tsx";
import { domain } from "./people.ts";
import { isAdministrator, session, signOut } from "./session.ts";
import { theme, type Theme } from "./settings.ts";

const PAGES = [["", "Wallboard"], ["calls", "Calls"], ["registrations", "Registrations"], ["subscriptions", "Subscriptions"], ["phones", "Phones"], ["health", "Health"]] as const;
const NEXT_THEME: Readonly<Record<Theme, Theme>> = { system: "light", light: "dark", dark: "system" };
const THEMES: Readonly<Record<Theme, string>> = { system: "◐", light: "☀", dark: "☾" };

/** The head of every page but the large board. */
export function Header(): JSX.Element {
  return (
    <header class="head">
      <a class="brand" href="#/" aria-label="Lamplight, wallboard">
        <img src="./lamplight.svg" alt="" width="34" height="34" />
        <span>
          <strong>Lamplight</strong>
          <small>{domain}</small>
        </span>
      </a>
      {isAdministrator.value ? (
        <nav aria-label="Pages">
          {PAGES.map(([name, title]) => (
            <a key={name} href={`#/${name}`} aria-current={page.value === name ? "page" : undefined}>{title}</a>
          ))}
        </nav>
      ) : (
        <span class="grow" />
      )}
      <LinkState />
      <button type="button" class="icon-button" title={`Theme: ${theme.value}`} aria-label={`Theme: ${theme.value}. Change`} onClick={() => (theme.value = NEXT_THEME[theme.value])}>
        <span aria-hidden="true">{THEMES[theme.value]}</span>
      </button>
      <a class="icon-button" href="?layout=board" title="For a large screen" aria-label="For a large screen"><span aria-hidden="true">⛶</span></a>
      {session.value?.viewer === "person" && <button type="button" class="plain" onClick={() => void signOut()}>Sign out</button>}
      {session.value?.viewer === "administrator" && <button type="button" class="plain" onClick={() => void signOut()}>Sign out</button>}
    </header>
  );
}
