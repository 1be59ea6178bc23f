import type { JSX } from "preact";
import type { PhonePreview } from "../facts.ts";
import { sentence } from "../words.ts";

const EVENTS = ["presence", "dialog", "message-summary", "as-feature-event"] as const;

/** The profile of a phone, and every document that it would get. */
export function Preview({ found }: { readonly found: PhonePreview }): JSX.Element {
  const settings: Readonly<Record<string, unknown>> = { ...found.settings, pickup: found.pickup.form, alert_info: found.alert_info.form };
  const [documents] = found.documents;
  const alerts = Object.entries(found.alert_info.values).map(([kind, values]) => `${kind}: ${values.join(", ")}`);
  return (
    <section class="preview" aria-live="polite" aria-labelledby="profile-title">
      <h2 id="profile-title">Profile {found.profile}</h2>
      <p class="quiet">{found.why}</p>
      <dl class="settings">
        {Object.entries(settings).map(([name, value]) => (
          <div key={name}><dt>{sentence(name)}</dt><dd>{shown(value)}</dd></div>
        ))}
      </dl>
      {documents !== undefined && EVENTS.map((event) => <Sample key={event} title={`Event: ${event} · ${documents[event].content_type}`} text={documents[event].body} />)}
      <Sample title="Pickup of the ringing call" text={found.pickup.request.join("\n")} />
      <Sample title="Alert-Info" text={alerts.join("\n")} />
    </section>
  );
}

function Sample({ title, text }: { readonly title: string; readonly text: string }): JSX.Element {
  return (
    <>
      <h3>{title}</h3>
      <pre tabIndex={0}>{text}</pre>
    </>
  );
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return "as everyone";
  return Array.isArray(value) ? value.join(", ") || "none" : typeof value === "string" ? value : JSON.stringify(value);
}
