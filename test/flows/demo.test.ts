import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bundledProgram } from "../impair/real-server.ts";
import { eventually, scratchFolder, startProgram } from "../interop/program.ts";

type List = readonly Readonly<Record<string, unknown>>[];

test("the demo's phones register, call, meet and watch through the real server; Ctrl-C ends it and nothing is left behind", { timeout: 120_000 }, async () => {
  const folder = scratchFolder("demo");
  const [home, temporary] = [join(folder, "home"), join(folder, "tmp")];
  for (const path of [home, temporary]) mkdirSync(path);
  const program = startProgram(process.execPath, [await bundledProgram(), "demo", "--speed", "60", "--people", "20", "--seed", "11"], { cwd: home, env: { ...process.env, TMPDIR: temporary } });
  const line = async (pattern: RegExp): Promise<string> => pattern.exec(await program.line(pattern, { withinMs: 60_000 }))?.[1] ?? "";
  const url = await line(/wallboard +(http:\S+)/);
  const token = await line(/with the token (\S+)/);
  const get = async (path: string): Promise<List> => (await (await fetch(`${url}/api/${path}`, { headers: { authorization: `Bearer ${token}` } })).json()) as List;
  const until = (what: string, path: string, isSo: (list: List) => boolean): Promise<boolean> => eventually(async () => (isSo(await get(path)) ? true : null), () => `${what}:\n${program.lines().join("\n")}`, { withinMs: 60_000 });

  await until("people are registered", "registrations", (list) => list.length > 12);
  await until("they watch one another", "subscriptions", (list) => list.length > 20);
  await until("they publish", "presence", (list) => list.some(({ source }) => source === "publish"));
  await until("two talk", "calls", (list) => list.some(({ state }) => state === "confirmed"));
  await until("the engineers stand up", "presence", (list) => list.filter(({ note }) => note === "Stand-up").length > 1);
  await until("the support line rings", "calls", (list) => list.some(({ to }) => String(to).startsWith("sip:800@")));
  // Nobody but who knows the token.
  expect((await fetch(`${url}/api/presence`)).status).toBe(401);
  // Signed in as the person that it names.
  const [, id, password] = /person: (\d+) .*password (\S+)/.exec(program.lines().join("\n")) ?? [];
  expect((await fetch(`${url}/api/session`, { method: "POST", headers: { "content-type": "application/json", origin: url }, body: JSON.stringify({ user: id, password }) })).status).toBeLessThan(300);

  program.signal("SIGINT");
  expect(await program.exit(30_000)).toBe(0);
  expect(program.lines().at(-1)).toBe("the demo has ended");
  expect(program.lines().filter((text) => text.startsWith("{")), "what the server logged").toEqual([]);
  expect([readdirSync(home), readdirSync(temporary)]).toEqual([[], []]);
});

test.each([
  [["--people", "1"], /^--people 1: write a whole number from 5 to 400$/],
  [["--speed", "fast"], /^--speed fast: write a whole number/],
  [["--seed", "-1"], /--seed|argument/],
])("demo %j is refused in one line", { timeout: 60_000 }, async (args, message) => {
  const program = startProgram(process.execPath, [await bundledProgram(), "demo", ...args], { cwd: scratchFolder("demo") });
  expect(await program.exit(30_000)).toBe(2);
  expect(program.lines().join("\n")).toMatch(message);
});
