// What each phone is sent, and asking one to read its settings again. All text goes in as text, never as markup.

const element = (id) => document.getElementById(id);

await load();

async function load() {
  const known = await ask("GET", "/api/phones");
  if (known === null) return;
  element("page").hidden = false;
  element("state").replaceChildren(...known.states.map((state) => new Option(state.replaceAll("-", " "), state)));
  const names = [...new Set(known.registered.map((phone) => phone.user_agent).filter((name) => name !== ""))];
  element("user-agents").replaceChildren(...names.map((name) => new Option(name)));
  element("nobody").hidden = known.registered.length > 0;
  element("registered").replaceChildren(...known.registered.map(row));
  // A page that was asked something can be passed on as a link.
  const asked = new URLSearchParams(location.search);
  if (!asked.has("user_agent")) return;
  element("user-agent").value = asked.get("user_agent");
  if (asked.has("state")) element("state").value = asked.get("state");
  await show();
}

/** The answer as JSON; null when there is none, and the page says why. */
async function ask(method, path) {
  element("trouble").textContent = "";
  try {
    const response = await fetch(path, { method, cache: "no-store" });
    if (response.status === 401 || response.status === 429) {
      element("signed-out").hidden = false;
      return null;
    }
    const body = await response.json();
    if (response.ok) return body;
    element("trouble").textContent = body.message;
  } catch {
    element("trouble").textContent = "The server does not answer.";
  }
  return null;
}

function row(phone) {
  const example = button("Show", () => {
    element("user-agent").value = phone.user_agent;
    return show();
  });
  const reload = button("Reload settings", async () => {
    const result = await ask("POST", `/api/phones/${encodeURIComponent(phone.aor)}/check-sync`);
    const mine = result?.phones.find(({ contact }) => contact === phone.contact);
    if (mine !== undefined) element("trouble").textContent = `${phone.aor}: ${mine.outcome}${mine.status === 0 ? "" : ` (${mine.status})`}`;
  });
  const line = document.createElement("tr");
  for (const content of [phone.aor.replace(/^sips?:/, ""), phone.user_agent || "unnamed", phone.profile]) cell(line).textContent = content;
  cell(line).append(example, " ", reload);
  return line;
}

function cell(line) {
  return line.appendChild(document.createElement("td"));
}

function button(text, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", async () => {
    made.disabled = true;
    await run();
    made.disabled = false;
  });
  return made;
}

element("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  void show();
});

async function show() {
  const query = new URLSearchParams({ user_agent: element("user-agent").value, state: element("state").value });
  const found = await ask("GET", `/api/phones?${query}`);
  if (found === null) return;
  history.replaceState(null, "", `?${query}`);
  element("answer").hidden = false;
  element("profile").textContent = found.profile;
  element("why").textContent = found.why;
  const settings = { ...found.settings, pickup: found.pickup.form, alert_info: found.alert_info.form };
  element("settings").replaceChildren(...Object.entries(settings).flatMap(([name, value]) => term(name, value)));
  const [documents] = found.documents;
  const shown = [
    ...["presence", "dialog", "message-summary", "as-feature-event"].map((event) => [`Event: ${event} · ${documents[event].content_type}`, documents[event].body]),
    ["Pickup of the ringing call", found.pickup.request.join("\n")],
    ["Alert-Info", Object.entries(found.alert_info.values).map(([kind, values]) => `${kind}: ${values.join(", ")}`).join("\n")],
  ];
  element("documents").replaceChildren(...shown.flatMap(([title, text]) => sample(title, text)));
}

function term(name, value) {
  const title = document.createElement("dt");
  title.textContent = name.replaceAll("_", " ");
  const content = document.createElement("dd");
  content.textContent = value === null ? "as everyone" : Array.isArray(value) ? value.join(", ") || "none" : String(value);
  return [title, content];
}

function sample(title, text) {
  const heading = document.createElement("h3");
  heading.textContent = title;
  const body = document.createElement("pre");
  body.textContent = text;
  return [heading, body];
}
