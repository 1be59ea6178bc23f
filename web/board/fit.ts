/** A grid for a screen: `unit` is the height of a tile's letters in px. */
export interface Fit {
  readonly columns: number;
  readonly rows: number;
  readonly unit: number;
}

/** Tiles are so much wider than high. */
const RATIO = 3.1;
/** Smaller ones cannot be read across the room. */
const TILE_WIDTH_MIN = 220;
const GAP = 12;

/** The largest tiles with which `count` of them fill that many px without scrolling; of too many, as many as can still be read. */
export function fit(count: number, width: number, height: number): Fit {
  const columnsMax = Math.max(1, Math.floor((width - GAP) / (TILE_WIDTH_MIN + GAP)));
  let best: Fit = { columns: 1, rows: 1, unit: 0 };
  for (let columns = 1; columns <= columnsMax; columns++) {
    const rows = Math.max(1, Math.ceil(count / columns));
    const tile = tileOf(columns, rows, width, height);
    if (tile > best.unit) best = { columns, rows, unit: tile };
  }
  if (best.unit * RATIO >= TILE_WIDTH_MIN) return scaled(best);
  const rows = Math.max(1, Math.floor((height - GAP) / (TILE_WIDTH_MIN / RATIO + GAP)));
  return scaled({ columns: columnsMax, rows, unit: tileOf(columnsMax, rows, width, height) });
}

/** The height of a tile, as its width and the room for it allow. */
function tileOf(columns: number, rows: number, width: number, height: number): number {
  const wide = (width - GAP * (columns + 1)) / columns;
  const high = (height - GAP * (rows + 1)) / rows;
  return Math.min(high, wide / RATIO);
}

function scaled({ columns, rows, unit }: Fit): Fit {
  return { columns, rows, unit: Math.round(Math.min(190, unit) * 10) / 50 };
}
