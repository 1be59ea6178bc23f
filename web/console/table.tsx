import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";

/** A column: how a cell is filled, and the text by which rows are ordered and searched. */
export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly cell?: (row: Row) => ComponentChildren;
}

interface Props<Row> {
  readonly title: string;
  readonly hint: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[] | null;
  readonly keyOf: (row: Row) => string;
  readonly trouble: string;
  readonly nothing: string;
  readonly children?: ComponentChildren;
}

/** More are not drawn: who looks for one writes into the filter. */
const ROWS_SHOWN = 500;

/** A table that can be filtered and ordered. */
export function Table<Row>({ title, hint, columns, rows, keyOf, trouble, nothing, children }: Props<Row>): JSX.Element {
  const filter = useSignal("");
  const order = useSignal<{ readonly column: number; readonly isDown: boolean }>({ column: 0, isDown: false });
  const wanted = filter.value.toLowerCase();
  const found = (rows ?? []).filter((row) => wanted === "" || columns.some(({ text }) => text(row).toLowerCase().includes(wanted)));
  const text = columns[order.value.column]?.text;
  const sorted = text === undefined ? found : found.toSorted((a, b) => text(a).localeCompare(text(b), undefined, { numeric: true }) * (order.value.isDown ? -1 : 1));
  const turn = (column: number) => () => {
    order.value = { column, isDown: order.value.column === column && !order.value.isDown };
  };
  return (
    <section aria-labelledby="page-title">
      <div class="page-head">
        <div>
          <h1 id="page-title">{title} {rows !== null && <span class="count">{rows.length}</span>}</h1>
          <p class="quiet">{hint}</p>
        </div>
        <label class="search">
          <span class="unseen">Filter</span>
          <input type="search" placeholder="Filter" value={filter.value} onInput={(event) => (filter.value = event.currentTarget.value)} />
        </label>
      </div>
      <p class="trouble" role="alert">{trouble}</p>
      {rows === null ? (
        <p class="waiting">{trouble === "" ? "Reading …" : ""}</p>
      ) : sorted.length === 0 ? (
        <div class="empty"><h2>{wanted === "" ? nothing : "Nothing fits"}</h2></div>
      ) : (
        <div class="table-box" tabIndex={0} role="region" aria-label={title}>
          <table>
            <thead>
              <tr>
                {columns.map((column, index) => (
                  <th key={column.title} scope="col" aria-sort={order.value.column === index ? (order.value.isDown ? "descending" : "ascending") : "none"}>
                    <button type="button" onClick={turn(index)}>{column.title}<span aria-hidden="true">{order.value.column === index ? (order.value.isDown ? " ↓" : " ↑") : ""}</span></button>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {sorted.slice(0, ROWS_SHOWN).map((row) => (
                <tr key={keyOf(row)}>
                  {columns.map(({ title: name, text: plain, cell }) => (
                    <td key={name} data-title={name}>{cell === undefined ? plain(row) : cell(row)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {sorted.length > ROWS_SHOWN && <p class="quiet">The first {ROWS_SHOWN} of {sorted.length}: the filter finds the others.</p>}
      {children}
    </section>
  );
}
