import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { beforeAll, describe, expect, test } from "vitest";
import { parseAor, type Aor } from "../../src/base/ids.ts";
import type { Phone } from "../flows/phone.ts";
import { DOMAIN } from "../flows/stage.ts";
import { registered } from "../flows/calling.ts";
import { office, signedIn, tileOf, TOKEN, type Look } from "./browser.ts";

// The pages of the working tree, not of the last build.
beforeAll(async () => {
  const { buildPages } = (await import(new URL("../../scripts/build-web.mjs", import.meta.url).href)) as { buildPages: () => Promise<void> };
  await buildPages();
});

const uri = (user: string): string => `sip:${user}@${DOMAIN}`;
/** What runs in the page is text: the types of this tree know no page. */
const FOCUSED = `document.activeElement.getAttribute("data-aor")`;
const aor = (user: string): Aor => {
  const parsed = parseAor(uri(user));
  if (parsed === null) throw new Error(user);
  return parsed;
};

/** Rings at `callee` when told to; answers when told to. */
async function callFrom(caller: Phone, callee: Phone): Promise<{ ring: () => void; answer: () => Promise<void>; end: () => Promise<void> }> {
  const asked = caller.ask(caller.text("INVITE", uri(callee.line.user), {}));
  // A call that is not answered before the test ends gets no final answer.
  asked.catch(() => undefined);
  const got = await callee.request("INVITE");
  let bye = (): void => undefined;
  return {
    ring: () => {
      callee.send(callee.answer(got, 180, "Ringing", { tag: "callee" }));
    },
    answer: async () => {
      callee.send(callee.answer(got, 200, "OK", { tag: "callee" }));
      const { final, sent } = await asked;
      const dialog = caller.callerDialog(sent, final);
      caller.send(caller.within(dialog, "ACK"));
      bye = () => {
        caller.send(caller.within(dialog, "BYE"));
      };
    },
    end: async () => {
      bye();
      callee.send(callee.answer(await callee.request("BYE"), 200, "OK"));
    },
  };
}

/** Notes when a tile comes into a tone, by the clock that the test has too. */
async function noteTone({ page }: Look, user: string, tone: string): Promise<() => Promise<number>> {
  await page.evaluate(`{
    const tile = document.querySelector(${JSON.stringify(tileOf(uri(user)))});
    new MutationObserver(() => {
      if (tile.getAttribute("data-tone") === ${JSON.stringify(tone)}) window.seenAt = Date.now();
    }).observe(tile, { attributes: true });
  }`);
  return async () => {
    await page.waitForSelector(`${tileOf(uri(user))}[data-tone="${tone}"]`);
    return page.evaluate<number>("window.seenAt");
  };
}

/** How long the tasks of the page's main threads had the processor, ms, from a trace of the browser. */
function tasksOf(trace: Buffer): readonly number[] {
  const { traceEvents } = JSON.parse(trace.toString()) as { readonly traceEvents: readonly { readonly name: string; readonly pid: number; readonly tid: number; readonly tdur?: number; readonly args?: { readonly name?: unknown } }[] };
  const mains = new Set(traceEvents.filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain").map(({ pid, tid }) => `${String(pid)} ${String(tid)}`));
  return traceEvents.flatMap(({ name, pid, tid, tdur }) => (name === "RunTask" && tdur !== undefined && mains.has(`${String(pid)} ${String(tid)}`) ? [tdur / 1000] : []));
}

/** Waits until it is so in the page; asked from here, for the page itself may run nothing that is text. */
async function holds(page: Look["page"], what: string): Promise<void> {
  await expect.poll(() => page.evaluate<boolean>(what), { timeout: 30_000, interval: 50, message: what }).toBe(true);
}

describe("the wallboard in chromium", () => {
  test("lets in who shows the token, says what is wrong with another, and stays signed in", async () => {
    const { open } = await office();
    const look = await open();
    const { page, complaints } = look;
    await page.waitForSelector("#token");
    expect(complaints).toEqual([]);
    await page.fill("#token", "wrong");
    await page.click("button[type=submit]");
    await page.waitForSelector("[role=alert]:not(:empty)");
    expect(await page.textContent("[role=alert]")).toContain("not the token");
    complaints.length = 0;
    await signedIn(look);
    expect(await page.locator(".tile[data-aor]").count()).toBe(5);
    await page.reload();
    await page.waitForSelector(".tile[data-aor]");
    expect(page.url()).not.toContain(TOKEN);
    expect(complaints).toEqual([]);
    await page.click('button[aria-label="Sign out"]');
    await page.waitForSelector("#token");
  });

  test("shows a call within 500 ms of the SIP event, with whom, and its end", async () => {
    const { stage, open } = await office();
    const [alice, bob] = [await registered(stage, "101"), await registered(stage, "102")];
    const look = await open();
    await signedIn(look);
    const rings = await noteTone(look, "102", "ringing");
    const call = await callFrom(alice, bob);
    const rangAt = Date.now();
    call.ring();
    expect((await rings()) - rangAt).toBeLessThan(500);
    expect(await look.page.textContent(tileOf(uri("102")))).toContain("from Person 101");
    const talks = await noteTone(look, "101", "talking");
    const answeredAt = Date.now();
    await call.answer();
    expect((await talks()) - answeredAt).toBeLessThan(500);
    expect(await look.page.textContent(tileOf(uri("101")))).toMatch(/On the phone.*0:0\d.*with Person 102/);
    const free = await noteTone(look, "101", "free");
    const endedAt = Date.now();
    await call.end();
    expect((await free()) - endedAt).toBeLessThan(500);
    expect(look.complaints).toEqual([]);
  });

  test("explains a state in plain words, now and for a moment of the day", async () => {
    const { stage, open } = await office();
    await registered(stage, "101");
    stage.server.spoken.say(aor("101"), "test", { activities: [{ name: "meeting" }], note: "Budget <b>round</b>", until: Date.now() + 3_600_000 });
    const look = await open();
    await signedIn(look);
    const { page } = look;
    await page.click(tileOf(uri("101")));
    await page.waitForSelector(".input[data-won=true]");
    expect(await page.textContent(".because")).toBe("In a meeting, because a program says so");
    expect(await page.textContent(".inputs")).toContain("Budget <b>round</b>");
    expect(await page.locator(".inputs b").count(), "what people write is text").toBe(0);
    expect(await page.locator(".inputs .input").count()).toBeGreaterThan(1);
    await page.waitForSelector(".block[data-planned=true]");
    await page.waitForSelector(".block:not([data-planned=true])", { state: "attached" });
    await page.locator(".block:not([data-planned=true])").last().focus();
    await page.keyboard.press("Enter");
    await holds(page, `document.querySelector("#why-title").textContent.includes("at")`);
    await page.waitForSelector(".inputs .input");
    await page.keyboard.press("Escape");
    await page.waitForSelector(".panel", { state: "detached" });
    expect(await page.evaluate(FOCUSED), "back where one came from").toBe(uri("101"));
    expect(look.complaints).toEqual([]);
  });

  test("lets a person choose his own state, and take it back", async () => {
    const { stage, open } = await office();
    await registered(stage, "103");
    const look = await open();
    await signedIn(look);
    const { page } = look;
    await page.selectOption(".pick-me select", uri("103"));
    await page.click(".me summary");
    await page.fill("input[name=note]", "At the dentist");
    await page.selectOption("select[name=end]", "1h");
    await page.click("button[value=Away]");
    await page.waitForSelector(`${tileOf(uri("103"))}[data-tone=away]`);
    expect(await page.textContent(tileOf(uri("103")))).toMatch(/At the dentist.*until \d\d:\d\d/);
    const { document } = stage.server.presence.why(aor("103"));
    expect(document).toMatchObject({ source: "override", note: "At the dentist" });
    await page.click("text=Back to automatic");
    await page.waitForSelector(`${tileOf(uri("103"))}[data-tone=free]`);
    await page.reload();
    await page.waitForSelector(".me");
    expect(await page.textContent(".me")).toContain("Person 103");
    expect(look.complaints).toEqual([]);
  });

  test("a person who signs in as himself sets his own state, sees no console, and not with whom a private person talks", async () => {
    const people = ["101", "102", "103"].map((id) => `  - { id: "${id}", name: "Person ${id}", aliases: [user${id}], password: secret-${id}${id === "102" ? ", private: true" : ""} }\n`).join("");
    const { stage, url, open } = await office(`users:\n${people}`);
    const [alice, bob] = [await registered(stage, "101"), await registered(stage, "102")];
    const look = await open();
    const { page } = look;
    await page.click("text=As myself");
    await page.fill("input[name=user]", "user103");
    await page.fill("input[name=password]", "secret-103");
    await page.click("button[type=submit]");
    await page.waitForSelector(".tile[data-aor]");
    expect(await page.locator("nav").count()).toBe(0);
    const call = await callFrom(alice, bob);
    call.ring();
    await page.waitForSelector(`${tileOf(uri("102"))}[data-tone=ringing]`);
    for (const user of ["101", "102"]) expect(await page.textContent(tileOf(uri(user))), user).not.toMatch(/(from|to|with) Person/);
    await page.click(".me summary");
    await page.click("button[value=Busy]");
    await page.waitForSelector(`${tileOf(uri("103"))}[data-tone=busy]`);
    const ask = (path: string, method = "GET"): Promise<number> => page.evaluate(async ([where = "", how = ""]) => (await fetch(where, { method: how, ...(how === "PUT" ? { headers: { "content-type": "application/json" }, body: '{"activities":["away"]}' } : {}) })).status, [path, method]);
    expect(await ask("/api/presence/103", "PUT")).toBe(200);
    for (const [path, method] of [["/api/presence/101", "PUT"], ["/api/registrations", "GET"], ["/api/subscriptions", "GET"], ["/api/phones", "GET"], ["/api/health/series", "GET"]] as const) expect(await ask(path, method), path).toBe(403);
    const calls = await page.evaluate(async (base) => (await fetch(`${base}/api/calls`)).text(), url());
    expect(calls.trim()).toBe("[]");
  });

  test("comes back by itself after a restart of the server, still signed in, and says when it is stale", async () => {
    const { stage, open, restart } = await office();
    const look = await open();
    await signedIn(look);
    const { page } = look;
    await page.waitForSelector(".link[data-state=live]");
    await restart(() => page.waitForSelector(".link[data-state=stale]"));
    await registered(stage, "105");
    await page.waitForSelector(".link[data-state=live]", { timeout: 20_000 });
    await page.waitForSelector(`${tileOf(uri("105"))}[data-tone=free]`);
    expect(await page.getAttribute(".board", "data-stale")).toBe("false");
  });

  test("says plainly which source is silent and why, and no more once it speaks", async () => {
    const { stage, open } = await office();
    await registered(stage, "104");
    const calendar = { source: "calendar", presentity: aor("104"), key: "exchange", kind: "calendar", activities: [], publishedAt: Date.now() } as const;
    stage.server.presence.report({ ...calendar, silence: "the last 3 polls failed" });
    const look = await open();
    await signedIn(look);
    const { page } = look;
    await page.waitForSelector(".notice p");
    expect(await page.textContent(".notice")).toBe("The calendar of Person 104 is silent: the last 3 polls failed");
    expect(await page.textContent(tileOf(uri("104")))).toContain("calendar silent");
    await page.click(tileOf(uri("104")));
    await page.waitForSelector(".inputs .input");
    expect(await page.textContent(".inputs")).toContain("the last 3 polls failed");
    const board = await look.context.newPage();
    await board.goto(new URL("/?layout=board", page.url()).href);
    await board.waitForSelector(".big-tile");
    expect(await board.textContent(".big-grid")).toContain("calendar silent");
    stage.server.presence.report({ ...calendar, activities: [{ name: "meeting" }], until: Date.now() + 3_600_000 });
    await page.waitForSelector(".notice", { state: "detached" });
    await page.waitForSelector(`${tileOf(uri("104"))}[data-tone=meeting]`);
    expect(look.complaints).toEqual([]);
  });

  test("is found through by keys alone", async () => {
    const { open } = await office();
    const look = await open();
    await signedIn(look);
    const { page } = look;
    await page.keyboard.press("/");
    await page.keyboard.type("person 104");
    await holds(page, `document.querySelectorAll(".tile").length === 1`);
    await page.keyboard.press("Escape");
    await holds(page, `document.querySelectorAll(".tile").length === 5`);
    await page.keyboard.press("ArrowDown");
    for (const key of ["ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowLeft"]) await page.keyboard.press(key);
    expect(await page.evaluate(FOCUSED)).toBe(uri("104"));
    await page.keyboard.press("Enter");
    await page.waitForSelector(".panel[open]");
    expect(await page.textContent("#panel-name")).toBe("Person 104");
  });

  test("2,000 tiles take 50 changes a second without a long task", async () => {
    const many = Array.from({ length: 2000 }, (_, index) => `  - { id: "${String(1000 + index)}", name: "Person ${String(index)}", password: secret-x }\n`);
    const { stage, open } = await office(`users:\n${many.join("")}`);
    const look = await open({ width: 1600, height: 1000 });
    await signedIn(look);
    const { page } = look;
    await holds(page, `document.querySelectorAll(".tile").length === 2000`);
    const browser = look.context.browser();
    if (browser === null) throw new Error("no browser");
    let turn = 0;
    const stretches: number[][] = [];
    // What a task has of the processor counts, not how long it lies idle while the machine of a test does other things; and as frames pile up on such a machine, one good stretch of ten is enough.
    for (let attempt = 0; attempt < 10 && (stretches.length === 0 || (stretches.at(-1)?.length ?? 0) > 0); attempt++) {
      await browser.startTracing(page, { categories: ["disabled-by-default-devtools.timeline", "__metadata"] });
      for (let tick = 0; tick < 30; tick++) {
        for (let each = 0; each < 5; each++) stage.server.spoken.say(aor(String(1000 + ((turn++ * 37) % 2000))), "test", { activities: [{ name: turn % 2 === 0 ? "away" : "meeting" }] });
        await page.waitForTimeout(100);
      }
      const tasks = tasksOf(await browser.stopTracing());
      expect(tasks.length).toBeGreaterThan(50);
      stretches.push(tasks.filter((ms) => ms >= 50));
    }
    await holds(page, `document.querySelectorAll('.tile[data-tone="away"], .tile[data-tone="meeting"]').length >= 140`);
    expect(stretches.at(-1), JSON.stringify(stretches)).toEqual([]);
    expect(look.complaints).toEqual([]);
  }, 180_000);

  test.each(["light", "dark"] as const)("has nothing that axe finds wrong, %s", async (scheme) => {
    const { stage, open } = await office();
    const [alice, bob] = [await registered(stage, "101"), await registered(stage, "102")];
    stage.server.spoken.say(aor("103"), "test", { activities: [{ name: "meeting" }], until: Date.now() + 3_600_000 });
    stage.server.spoken.choose(aor("104"), { activities: [{ name: "away" }], note: "Back soon" });
    const look = await open({ scheme });
    const { page } = look;
    await page.waitForSelector("#token");
    await findNothing(look, "sign-in");
    await signedIn(look);
    const call = await callFrom(alice, bob);
    call.ring();
    await page.waitForSelector(`${tileOf(uri("102"))}[data-tone=ringing]`);
    await findNothing(look, "wallboard");
    await page.selectOption(".pick-me select", uri("103"));
    await page.click(".me summary");
    await findNothing(look, "own state");
    await page.click(".me summary");
    await page.click(tileOf(uri("103")));
    await page.waitForSelector(".inputs .input");
    await page.waitForSelector(".timeline");
    await findNothing(look, "why");
    await page.keyboard.press("Escape");
    for (const [name, ready] of [["calls", "tbody tr"], ["registrations", "tbody tr"], ["subscriptions", ".empty"], ["phones?user_agent=snomD785&state=ringing", ".preview pre"], ["health", ".chart canvas"]] as const) {
      await page.goto(`${page.url().replace(/#.*/, "")}#/${name}`);
      await page.waitForSelector(ready);
      await findNothing(look, name);
    }
    await page.goto(new URL("/?layout=board", page.url()).href);
    await page.waitForSelector(".big-tile");
    await findNothing(look, "board");
    expect(await page.evaluate("document.documentElement.scrollHeight <= innerHeight && document.documentElement.scrollWidth <= innerWidth"), "the large board never scrolls").toBe(true);
    expect(look.complaints).toEqual([]);
  }, 180_000);
});

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function findNothing({ page }: Look, where: string): Promise<void> {
  const found = await page.evaluate(
    `(async () => { ${AXE}; const { violations } = await axe.run(document, { resultTypes: ["violations"] }); return violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html, failureSummary }) => html.slice(0, 160) + " " + (failureSummary ?? "").slice(0, 200)).join(" | ")); })()`,
  );
  expect(found, where).toEqual([]);
}
