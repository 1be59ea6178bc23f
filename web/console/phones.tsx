import { useSignal, useSignalEffect } from "@preact/signals";
import type { JSX, TargetedSubmitEvent } from "preact";
import { asked, rewrite } from "../address.ts";
import { ask } from "../api.ts";
import type { PhoneList, PhonePreview } from "../facts.ts";
import { fieldText } from "../form.ts";
import { sentence } from "../words.ts";
import { useFresh } from "./fresh.ts";
import { PersonLink, personText } from "./person-link.tsx";
import { Preview } from "./phone-preview.tsx";
import { Table, type Column } from "./table.tsx";

type Phone = PhoneList["registered"][number];

/** What each phone is sent, and asking one to read its settings again. */
export function Phones(): JSX.Element {
  const { answer, trouble } = useFresh<PhoneList>("api/phones", 5000);
  const preview = useSignal<PhonePreview | null>(null);
  const said = useSignal("");
  const show = async (userAgent: string, state: string): Promise<void> => {
    const query = new URLSearchParams({ user_agent: userAgent, state });
    const found = await ask<PhonePreview>("GET", `api/phones?${query.toString()}`);
    said.value = found.ok ? "" : found.message;
    preview.value = found.ok ? found.value : null;
    if (!found.ok) return;
    rewrite("phones", query);
    // A list of many phones stands above it.
    requestAnimationFrame(() => document.getElementById("profile-title")?.scrollIntoView({ block: "start" }));
  };
  // A page that was asked something can be passed on as a link.
  useSignalEffect(() => {
    const name = asked.value.get("user_agent");
    if (name !== null) void show(name, asked.value.get("state") ?? "ringing");
  });
  const reload = async ({ aor, contact }: Phone): Promise<void> => {
    const result = await ask<{ readonly phones: readonly { readonly contact: string; readonly outcome: string; readonly status: number }[] }>("POST", `api/phones/${encodeURIComponent(aor)}/check-sync`);
    const mine = result.ok ? result.value.phones.find((phone) => phone.contact === contact) : undefined;
    said.value = !result.ok ? result.message : mine === undefined ? "" : `${personText(aor)}: ${mine.outcome}${mine.status === 0 ? "" : ` (${String(mine.status)})`}`;
  };
  const columns: readonly Column<Phone>[] = [
    { title: "Person", text: ({ aor }) => personText(aor), cell: ({ aor }) => <PersonLink uri={aor} /> },
    { title: "Calls itself", text: ({ user_agent: name }) => name || "unnamed" },
    { title: "Profile", text: ({ profile }) => profile },
    {
      title: "Do",
      text: () => "",
      cell: (phone) => (
        <span class="row-buttons">
          <button type="button" class="small" onClick={() => void show(phone.user_agent, "ringing")}>What it is sent</button>
          <button type="button" class="small" onClick={() => void reload(phone)}>Reload its settings</button>
        </span>
      ),
    },
  ];
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    void show(fieldText(fields, "user-agent"), fieldText(fields, "state"));
  };
  const names = [...new Set((answer.value?.registered ?? []).map((phone) => phone.user_agent).filter((name) => name !== ""))];
  return (
    <Table title="Phones" hint="Each brand gets the document that it understands, chosen by what it calls itself." columns={columns} rows={answer.value?.registered ?? null} keyOf={({ aor, contact }) => `${aor} ${contact}`} trouble={trouble.value} nothing="No phone is registered">
      <p class="said" role="status">{said}</p>
      <form class="ask" onSubmit={submit}>
        <label class="field">
          <span>What the phone calls itself (User-Agent)</span>
          <input id="user-agent" name="user-agent" list="user-agents" maxLength={128} autocomplete="off" placeholder="Yealink SIP-T46S 66.86.0.15" defaultValue={asked.value.get("user_agent") ?? ""} required />
        </label>
        <datalist id="user-agents">{names.map((name) => <option key={name} value={name} />)}</datalist>
        <label class="field">
          <span>State of the person</span>
          <select id="state" name="state">
            {(answer.value?.states ?? []).map((state) => (
              <option key={state} value={state} selected={state === (asked.value.get("state") ?? "ringing")}>{sentence(state)}</option>
            ))}
          </select>
        </label>
        <button type="submit" class="primary">Show what it is sent</button>
      </form>
      {preview.value !== null && <Preview found={preview.value} />}
    </Table>
  );
}
