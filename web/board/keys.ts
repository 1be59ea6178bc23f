import { clearFilter, search } from "./filter.ts";

const MOVES: Readonly<Record<string, (at: number, columns: number, count: number) => number>> = {
  ArrowRight: (at) => at + 1,
  ArrowLeft: (at) => at - 1,
  ArrowDown: (at, columns) => at + columns,
  ArrowUp: (at, columns) => at - columns,
  Home: () => 0,
  End: (_at, _columns, count) => count - 1,
};

/** Arrow keys go from tile to tile. */
export function moveInGrid(event: KeyboardEvent, grid: HTMLElement): void {
  const move = MOVES[event.key];
  const from = event.target instanceof Element ? event.target.closest<HTMLElement>(".tile") : null;
  if (move === undefined || from === null || event.ctrlKey || event.metaKey || event.altKey) return;
  const tiles = [...grid.querySelectorAll<HTMLElement>(".tile")];
  const to = tiles[move(tiles.indexOf(from), columnsOf(tiles), tiles.length)];
  event.preventDefault();
  if (to === undefined) return;
  from.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
  to.scrollIntoView({ block: "nearest" });
}

/** `/` leads to the search, Escape out of it. */
export function pageKeys(event: KeyboardEvent): void {
  const field = document.getElementById("search");
  if (!(field instanceof HTMLInputElement)) return;
  const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement || event.target instanceof HTMLSelectElement;
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    field.focus();
    field.select();
  } else if (event.key === "Escape" && event.target === field) {
    if (search.value === "") field.blur();
    clearFilter();
  } else if ((event.key === "ArrowDown" || event.key === "Enter") && event.target === field) {
    event.preventDefault();
    document.querySelector<HTMLElement>(".tile")?.focus();
  }
}

function columnsOf(tiles: readonly HTMLElement[]): number {
  const top = tiles[0]?.offsetTop;
  const below = tiles.findIndex((tile) => tile.offsetTop !== top);
  return below === -1 ? tiles.length : below;
}
