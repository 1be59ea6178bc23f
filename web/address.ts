import { computed, signal } from "@preact/signals";

/** Where in the pages one is: `#/calls`, `#/phones?user_agent=…`. */
const hash = signal(location.hash);
window.addEventListener("hashchange", () => {
  hash.value = location.hash;
});

/** The page: empty for the wallboard. */
export const page = computed(() => hash.value.replace(/^#\/?/, "").replace(/\?.*$/, ""));
/** What the address asks of the page. */
export const asked = computed(() => new URLSearchParams(hash.value.split("?")[1] ?? ""));

/** Puts what a page was asked into the address, so that it can be passed on. */
export function rewrite(name: string, query: URLSearchParams): void {
  history.replaceState(null, "", `#/${name}?${query.toString()}`);
}
