import type { JSX } from "preact";
import { page } from "./address.ts";
import { LinkState } from "./link-state.tsx";
import { domain } from "./people.ts";
import { isAdministrator, session, signOut } from "./session.ts";
import { theme, type Theme } from "./settings.ts";

const PAGES = [["", "Wallboard"], ["calls", "Calls"], ["registrations", "Registrations"], ["subscriptions", "Subscriptions"], ["phones", "Phones"], ["health", "Health"]] as const;
const NEXT_THEME: Readonly<Record<Theme, Theme>> = { system: "light", light: "dark", dark: "system" };
const THEMES: Readonly<Record<Theme, readonly string[]>> = {
  system: ["M12 4a8 8 0 1 0 0 16z", "M12 4a8 8 0 0 1 0 16"],
  light: ["M12 8.200a3.8 3.8 0 1 0 0 7.6 3.8 3.8 0 0 0 0-7.600z", "M12 2.500v2", "M12 19.500v2", "M2.5 12h2", "M19.5 12h2", "M5.3 5.300l1.4 1.4", "M17.3 17.300l1.4 1.4", "M18.7 5.300l-1.4 1.4", "M6.7 17.300l-1.4 1.4"],
  dark: ["M19.5 14.500A8 8 0 0 1 9.5 4.500a8 8 0 1 0 10 10z"],
};

/** The head of every page but the large board. */
export function Header(): JSX.Element {
  return (
    <header class="head">
      <a class="brand" href="#/">
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
        <Glyph paths={THEMES[theme.value]} />
      </button>
      <a class="icon-button wide-only" href="?layout=board" title="For a large screen" aria-label="For a large screen"><Glyph paths={["M4 9V4h5", "M20 9V4h-5", "M4 15v5h5", "M20 15v5h-5"]} /></a>
      {session.value != null && (
        <button type="button" class="icon-button" title="Sign out" aria-label="Sign out" onClick={() => void signOut()}>
          <Glyph paths={["M14 4.500H6v15h8", "M10.5 12H21", "M17.5 8.5 21 12l-3.5 3.5"]} />
        </button>
      )}
    </header>
  );
}

function Glyph({ paths }: { readonly paths: readonly string[] }): JSX.Element {
  return (
    <svg class="glyph" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.9" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      {paths.map((d) => (
        <path key={d} d={d} />
      ))}
    </svg>
  );
}
