import type { JSX } from "preact";
import type { Call } from "../facts.ts";
import { second } from "../now.ts";
import { elapsed } from "../words.ts";
import { useFresh } from "./fresh.ts";
import { PersonLink, personText } from "./person-link.tsx";
import { Table, type Column } from "./table.tsx";

const STATES: Readonly<Record<string, string>> = { trying: "calling", early: "ringing", confirmed: "talking" };
const COLUMNS: readonly Column<Call>[] = [
  { title: "From", text: ({ from }) => personText(from), cell: ({ from }) => <PersonLink uri={from} /> },
  { title: "To", text: ({ to }) => personText(to), cell: ({ to }) => <PersonLink uri={to} /> },
  { title: "State", text: ({ state }) => STATES[state] ?? state },
  { title: "For", text: ({ since }) => since ?? "", cell: ({ since }) => (since === null ? "" : <span class="figure">{elapsed(Date.parse(since), second.value, true)}</span>) },
  { title: "Call-ID", text: ({ call_id: id }) => id, cell: ({ call_id: id }) => <code>{id}</code> },
];

/** Calls in progress. */
export function Calls(): JSX.Element {
  const { answer, trouble } = useFresh<readonly Call[]>("api/calls", 1500);
  return <Table title="Calls" hint="In progress now, from the first ring to the last word." columns={COLUMNS} rows={answer.value} keyOf={({ call_id: id, from, since }) => `${id} ${from} ${since ?? ""}`} trouble={trouble.value} nothing="Nobody talks" />;
}
