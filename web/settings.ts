import { effect, signal } from "@preact/signals";

/** Light, dark, or as the system has it. */
export type Theme = "system" | "light" | "dark";

const query = new URLSearchParams(location.search);

/** True on a large screen across the room: `?layout=board`. */
export const isBoard = query.get("layout") === "board";
/** A theme in the address beats the one that was chosen here. */
const themeAsked = query.get("theme");

/** The theme of this browser. */
export const theme = signal<Theme>(readTheme(themeAsked ?? read("theme")));
/** Who sits here, when the page is signed in with the token: kept in this browser. */
export const chosenMe = signal<string>(read("me") ?? "");

effect(() => {
  document.documentElement.dataset.theme = theme.value;
  if (themeAsked === null) keep("theme", theme.value);
});
effect(() => {
  keep("me", chosenMe.value);
});

function readTheme(text: string | null): Theme {
  return text === "light" || text === "dark" ? text : "system";
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(`lamplight.${name}`);
  } catch {
    return null;
  }
}

function keep(name: string, value: string): void {
  try {
    localStorage.setItem(`lamplight.${name}`, value);
  } catch {
    // A browser that keeps nothing forgets it with the page.
  }
}
