// Everybody's tile, live: a snapshot, then what changes. All text goes in as text, never as markup.

const RETRY_MS = 3000;
/** The server says something every 20 s; after this long without a word the page asks anew. */
const SILENCE_MS = 50_000;
const REFRESH_MS = 5000;

const element = (id) => document.getElementById(id);
const people = new Map();
let source = null;
let heardAt = 0;
let clockOffsetMs = 0;

const LAMP_WORDS = { ringing: "Ringing", calling: "Calling", talking: "On the phone", held: "On hold" };
const CALL_TONES = { ringing: "ring", calling: "call", talking: "busy", held: "held" };
const AWAY = new Set(["away", "meal", "vacation", "travel", "in-transit", "holiday", "sleeping", "permanent-absence", "breakfast", "dinner", "shopping"]);

connect();
setInterval(() => {
  for (const person of people.values()) show(person);
  if (source !== null && heardAt !== 0 && Date.now() - heardAt > SILENCE_MS) lost();
}, REFRESH_MS);

function connect() {
  source?.close();
  heardAt = Date.now();
  source = new EventSource("/api/events");
  source.addEventListener("error", lost);
  listen("alive", () => undefined);
  listen("snapshot", take);
  listen("presence", (state) => change(state.aor, { presence: state }));
  listen("lamp", (lamp) => change(lamp.aor, { lamp }));
  listen("registration", ({ aor, contacts }) => change(aor, { phones: contacts.length }));
}

function listen(event, run) {
  source.addEventListener(event, ({ data }) => {
    heardAt = Date.now();
    run(JSON.parse(data));
    setLink("live", "live");
  });
}

/** The stream has ended or was refused: says so, finds out why, tries again. */
async function lost() {
  source?.close();
  source = null;
  setLink(people.size === 0 ? "waiting" : "stale", people.size === 0 ? "connecting …" : `stale since ${new Date(heardAt).toLocaleTimeString()}`);
  try {
    const answer = await fetch("/api/calls", { cache: "no-store" });
    if (answer.status === 401 || answer.status === 429) return askForToken();
  } catch {
    // The server is away: the page says "stale" and keeps trying.
  }
  setTimeout(connect, RETRY_MS);
}

function askForToken() {
  setLink("waiting", "signed out");
  element("board").hidden = true;
  element("sign-in").hidden = false;
  element("token").focus();
}

element("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  element("refused").textContent = "";
  try {
    const answer = await fetch("/api/session", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token: element("token").value.trim() }) });
    if (!answer.ok) {
      element("refused").textContent = answer.status === 401 ? "This is not the token." : (await answer.json()).message;
      element("token").select();
      return;
    }
  } catch {
    element("refused").textContent = "The server does not answer.";
    return;
  }
  element("token").value = "";
  element("sign-in").hidden = true;
  connect();
});

function take(snapshot) {
  clockOffsetMs = Date.parse(snapshot.at) - Date.now();
  element("sign-in").hidden = true;
  element("board").hidden = false;
  element("domain").textContent = snapshot.domain;
  document.title = `Lamplight · ${snapshot.domain}`;
  people.clear();
  for (const { aor, id, name } of snapshot.people) people.set(aor, { aor, id, name, presence: null, lamp: null, phones: 0, tile: newTile() });
  for (const state of snapshot.presence) people.get(state.aor).presence = state;
  for (const lamp of snapshot.lamps) people.get(lamp.aor).lamp = lamp;
  for (const { aor, contacts } of snapshot.registrations) people.get(aor).phones = contacts.length;
  for (const person of people.values()) show(person);
  element("people").replaceChildren(...Array.from(people.values(), ({ tile }) => tile));
  const hidden = snapshot.people_count - snapshot.people.length;
  element("rest").textContent = hidden > 0 ? `and ${hidden} more, who are not shown here` : "";
  summarise();
}

function change(aor, facts) {
  const person = people.get(aor);
  if (person === undefined) return;
  Object.assign(person, facts);
  show(person);
  summarise();
}

function newTile() {
  return element("tile").content.firstElementChild.cloneNode(true);
}

function show(person) {
  const { tile, name, id, phones, lamp } = person;
  const tone = toneOf(person);
  const state = stateOf(person);
  const detail = [withWhom(lamp), sinceText(sinceOf(person))].filter((text) => text !== "").join(" · ");
  if (tile.dataset.tone !== tone) tile.dataset.tone = tone;
  setText(tile, ".name", name);
  setText(tile, ".extension", id === name ? "" : id);
  setText(tile, ".state", state);
  setText(tile, ".detail", detail);
  setText(tile, ".phones", phones === 0 ? "no phone" : phones === 1 ? "1 phone" : `${phones} phones`);
}

function setText(tile, selector, text) {
  const part = tile.querySelector(selector);
  if (part.textContent !== text) part.textContent = text;
}

function isInCall({ lamp }) {
  return lamp !== null && lamp.state !== "idle";
}

function toneOf(person) {
  const { presence, lamp } = person;
  if (isInCall(person)) return CALL_TONES[lamp.state] ?? "busy";
  if (presence === null || presence.basic !== "open") return "gone";
  const [activity] = presence.activities;
  if (activity === undefined) return "free";
  return AWAY.has(activity) ? "away" : "busy";
}

/** The lamp's word in a call, else the note, which says everything else in the person's or the source's own words. */
function stateOf(person) {
  const { presence, lamp } = person;
  if (isInCall(person)) return LAMP_WORDS[lamp.state] ?? lamp.state;
  return presence?.note || (presence?.activities[0] ?? (presence?.basic === "open" ? "Available" : "Offline")).replaceAll("-", " ");
}

function sinceOf(person) {
  return (isInCall(person) ? person.lamp.since : person.presence?.since) ?? null;
}

function withWhom(lamp) {
  const other = lamp?.dialogs[0]?.remote;
  return other === undefined ? "" : `with ${other.display || other.uri.replace(/^sips?:/, "")}`;
}

function sinceText(since) {
  if (since === null) return "";
  const seconds = Math.max(0, (Date.now() + clockOffsetMs - Date.parse(since)) / 1000);
  if (seconds < 60) return "just now";
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `for ${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `for ${hours} h ${minutes % 60} min` : `for ${Math.floor(hours / 24)} d`;
}

function summarise() {
  const all = [...people.values()];
  const count = (fits) => all.filter(fits).length;
  const parts = [`${all.length} people`, `${count(({ presence }) => presence?.basic === "open")} reachable`, `${count(isInCall)} in a call`];
  setText(document, "#summary", parts.join(" · "));
}

function setLink(state, text) {
  const link = element("link");
  if (link.dataset.state !== state) link.dataset.state = state;
  if (link.textContent !== text) link.textContent = text;
  element("board").toggleAttribute("data-stale", state === "stale");
}
