import type { JSX } from "preact";
import type { Registration } from "../facts.ts";
import { minute } from "../now.ts";
import { clockTime, shortAddress } from "../words.ts";
import { useFresh } from "./fresh.ts";
import { PersonLink, personText } from "./person-link.tsx";
import { Table, type Column } from "./table.tsx";

type Row = Registration["contacts"][number] & { readonly aor: string };

const COLUMNS: readonly Column<Row>[] = [
  { title: "Person", text: ({ aor }) => personText(aor), cell: ({ aor }) => <PersonLink uri={aor} /> },
  { title: "Phone", text: ({ user_agent: name }) => name || "unnamed", cell: ({ user_agent: name }) => (name === "" ? "unnamed" : <a href={`#/phones?user_agent=${encodeURIComponent(name)}`}>{name}</a>) },
  { title: "Transport", text: ({ transport }) => transport.toUpperCase() },
  { title: "Seen at", text: ({ received }) => received, cell: ({ received }) => <code>{received}</code> },
  { title: "Contact", text: ({ uri }) => uri, cell: ({ uri }) => <code>{shortAddress(uri)}</code> },
  { title: "Until", text: ({ expires_at: at }) => at ?? "", cell: ({ expires_at: at }) => (at === null ? "" : <span class="figure">{clockTime(at, minute.value)}</span>) },
];

/** Phones that are registered. */
export function Registrations(): JSX.Element {
  const { answer, trouble } = useFresh<readonly Registration[]>("api/registrations", 5000);
  const rows = answer.value?.flatMap(({ aor, contacts }) => contacts.map((contact) => ({ ...contact, aor }))) ?? null;
  return <Table title="Registrations" hint="Each phone that can be reached, and until when it has said so." columns={COLUMNS} rows={rows} keyOf={({ aor, uri }) => `${aor} ${uri}`} trouble={trouble.value} nothing="No phone is registered" />;
}
