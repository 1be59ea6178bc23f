// Takes the pictures of docs/pictures/: `node scripts/screenshots.mjs` after `npm run build`; named ones, also those that no page shows: `node scripts/screenshots.mjs office-2000 console-phones`. Needs Debian's chromium.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { startOffice } from "./screenshots/office.mjs";

const folder = fileURLToPath(new URL("../docs/pictures/", import.meta.url));
mkdirSync(folder, { recursive: true });

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

async function picture(office, name, { width, height, scheme = "light", scale = 1.25, path = "", before = async () => undefined, ready = "#people .tile" }) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, deviceScaleFactor: scale, locale: "en-GB", reducedMotion: "reduce" });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") console.error(`${name}: ${message.text()}`);
  });
  page.on("pageerror", (error) => console.error(`${name}: ${error}`));
  await context.request.post(`${office.web}/api/session`, { data: { token: office.token }, headers: { origin: office.web } });
  await page.addInitScript(() => localStorage.setItem("lamplight.me", "sip:101@tel.example.test"));
  await page.goto(`${office.web}/${path}`);
  await page.waitForSelector(ready);
  await before(page);
  await page.waitForTimeout(400);
  await page.screenshot({ path: `${folder}${name}.png` });
  await context.close();
}

/** A morning: most are free, some talk, one rings, some are in meetings or away. */
async function live(office, people) {
  const pick = (index) => String(101 + (index % people));
  await office.call(pick(1), pick(4), "talking");
  await office.call(pick(2), pick(6), "ringing");
  if (people > 20) {
    const held = await office.call(pick(9), pick(14), "talking");
    await office.hold(held);
    await office.call(pick(20), pick(33), "talking");
    await office.call(pick(41), pick(27), "talking");
  }
  const meeting = (index, minutes, note) => office.say(pick(index), { activities: ["meeting"], expires_seconds: minutes * 60, ...(note === undefined ? {} : { note }) });
  await meeting(3, 25);
  await office.say(pick(5), { activities: ["away"], note: "Back at two", expires_seconds: 4800 });
  if (people < 20) return;
  for (const [index, minutes, note] of [[11, 40, "Budget round"], [12, 40, "Budget round"], [17, 12], [30, 70], [38, 40, "Budget round"], [52, 25]]) await meeting(index, minutes, note);
  await office.say(pick(16), { activities: ["vacation"], note: "Back on Monday" });
  await office.say(pick(44), { activities: ["vacation"] });
  await office.say(pick(22), { activities: ["meal"], expires_seconds: 1500 });
  await office.say(pick(48), { activities: ["away"], note: "At the warehouse" });
  await office.say(pick(25), { do_not_disturb: true });
  await office.say(pick(35), { activities: ["busy"], note: "Writing the offer for Antwerp", override: true, expires_seconds: 5400 });
}

const only = process.argv.slice(2);
/** What the documentation shows. */
const SHOWN = ["wallboard-light", "wallboard-dark", "board", "phone", "why", "my-state", "console-health"];
const wanted = (name) => (only.length === 0 ? SHOWN : only).includes(name);

if (["wallboard-light", "wallboard-dark", "board", "phone", "why", "my-state", "console-calls", "console-phones", "console-health", "sign-in"].some(wanted)) {
  const office = await startOffice({ people: 60, registered: 54 });
  await live(office, 60);
  const shots = [
    ["wallboard-light", { width: 1440, height: 900 }],
    ["wallboard-dark", { width: 1440, height: 900, scheme: "dark" }],
    ["board", { width: 1920, height: 1080, scale: 1, path: "?layout=board", ready: ".big-tile" }],
    ["board-dark", { width: 1920, height: 1080, path: "?layout=board&theme=dark", ready: ".big-tile" }],
    ["phone", { width: 390, height: 844, scale: 1.5 }],
    ["why", { width: 1440, height: 900, before: async (page) => {
      await page.click('.tile[data-aor="sip:112@tel.example.test"]');
      await page.waitForSelector(".inputs .input");
      await page.waitForSelector(".timeline");
    } }],
    ["my-state", { width: 1120, height: 640, before: (page) => page.click(".me summary") }],
    ["console-calls", { width: 1440, height: 900, path: "#/calls", ready: "tbody tr" }],
    ["console-phones", { width: 1440, height: 1100, path: "#/phones?user_agent=snomD785/10.1.169.16&state=ringing", ready: ".preview pre" }],
    ["console-health", { width: 1440, height: 900, path: "#/health", ready: ".chart canvas", before: (page) => page.waitForTimeout(Number(process.env.HEALTH_MS ?? 60_000)) }],
    ["wallboard-8-of-60", { width: 1440, height: 900, before: async (page) => {
      await page.fill("#search", "an");
    } }],
  ];
  for (const [name, shot] of shots) if (wanted(name)) await picture(office, name, shot);
  await office.stop();
}
for (const count of [8, 2000]) {
  if (!wanted(`office-${count}`) && !wanted(`board-${count}`)) continue;
  const office = await startOffice({ people: count, registered: Math.min(count, 300) });
  await live(office, count);
  if (wanted(`office-${count}`)) await picture(office, `office-${count}`, { width: 1440, height: 900 });
  if (wanted(`board-${count}`)) await picture(office, `board-${count}`, { width: 1920, height: 1080, path: "?layout=board", ready: ".big-tile" });
  await office.stop();
}
await browser.close();
