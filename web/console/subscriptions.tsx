import type { JSX } from "preact";
import type { Subscription } from "../facts.ts";
import { minute } from "../now.ts";
import { clockTime } from "../words.ts";
import { useFresh } from "./fresh.ts";
import { PersonLink, personText } from "./person-link.tsx";
import { Table, type Column } from "./table.tsx";

const COLUMNS: readonly Column<Subscription>[] = [
  { title: "Watcher", text: ({ watcher }) => personText(watcher), cell: ({ watcher }) => <PersonLink uri={watcher} /> },
  { title: "Watches", text: ({ resource }) => personText(resource), cell: ({ resource }) => <PersonLink uri={resource} /> },
  { title: "What", text: ({ event }) => (event === "dialog" ? "lamp (dialog)" : event) },
  { title: "Phone", text: ({ user_agent: name }) => name },
  { title: "Until", text: ({ expires_at: at }) => at ?? "", cell: ({ expires_at: at }) => (at === null ? "" : <span class="figure">{clockTime(at, minute.value)}</span>) },
];

/** Who watches whom. */
export function Subscriptions(): JSX.Element {
  const { answer, trouble } = useFresh<readonly Subscription[]>("api/subscriptions", 5000);
  return <Table title="Subscriptions" hint="Who is told about whom, by which phone." columns={COLUMNS} rows={answer.value} keyOf={({ resource, watcher, event, expires_at: at, user_agent: name }) => `${watcher} ${resource} ${event} ${at ?? ""} ${name}`} trouble={trouble.value} nothing="Nobody watches anybody" />;
}
