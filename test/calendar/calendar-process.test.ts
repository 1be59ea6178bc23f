import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { getPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { UnavailableError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import type { AdapterSettings, CalendarAdapter, Reading } from "../../src/calendar/adapter.ts";
import { calendarProcess, type CalendarProcess } from "../../src/calendar/calendar-process.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { bundled } from "../store/programs.ts";

// A process that does as its mailboxes say; the real one runs in test/flows.
const program = `
let seen = false;
const slow = [];
process.on("message", (order) => {
  const say = (message) => process.send(message);
  if (order.kind === "open") {
    if (order.settings.zone === "die") process.exit(1);
    say(order.settings.zone === "refuse" ? { kind: "refused", adapter: order.adapter, name: "TypeError" } : { kind: "opened", adapter: order.adapter, batchSize: 7, watches: false });
  } else if (order.kind === "abort") {
    say({ kind: "alive" });
    for (const { adapter, call } of slow.splice(0)) say({ kind: "readings", adapter, call, same: [], readings: new Map() });
  }
  else if (order.kind === "close") say({ kind: "closed", adapter: order.adapter });
  else if (order.kind === "read") {
    const [what] = order.mailboxes;
    if (what === "hang") for (;;);
    if (what === "die") process.exit(1);
    if (what === "throw") throw new TypeError("QUARTZFALCON");
    if (what === "full") for (const all = []; ;) all.push(new Array(100000).fill(Math.random()));
    if (what === "who") return say({ kind: "readings", adapter: order.adapter, call: order.call, same: [], readings: new Map([[what, { kind: "failure", failure: "name", text: String(process.pid) }]]) });
    if (what === "slow") return void slow.push(order);
    if (what !== "deaf") say({ kind: "readings", adapter: order.adapter, call: order.call, ...(what === "same" && seen ? { readings: new Map(), same: [what] } : { readings: new Map([[what, { kind: "entries", entries: [] }]]), same: [] }) });
    if (what === "same") seen = true;
  }
});`;

let folder = "";
let running: CalendarProcess;
let clock: FakeClock;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lamplight-calendars-"));
  writeFileSync(join(folder, "program.cjs"), program);
  clock = new FakeClock();
  running = calendarProcess({ programPath: join(folder, "program.cjs"), log: silentLog, clock });
});
afterEach(async () => {
  await running.close();
  rmSync(folder, { recursive: true, force: true });
});

const calendar: AdapterSettings["calendar"] = { kind: "ics", name: "test", url: "", loginUrl: "", users: "all", pollMs: 60_000, timeoutMs: 1000, as: null, zone: null, ca: null, authentication: "auto", username: null, password: null, tenant: null, clientId: null, secret: null };
const good = new Map([["good", { kind: "entries", entries: [] }]]);
const failed = expect.objectContaining({ kind: "failure", failure: "timeout" }) as Reading;

function open(zone = "UTC"): Promise<CalendarAdapter> {
  return running.open({ calendar, zone });
}

function read(adapter: CalendarAdapter, mailbox: string, signal = new AbortController().signal): Promise<ReadonlyMap<string, Reading>> {
  return adapter.read([mailbox], { from: 0, to: 1 }, signal);
}

test("a reading goes to the process and comes back", async () => {
  const adapter = await open();
  expect(adapter.batchSize).toBe(7);
  expect(await read(adapter, "good")).toEqual(good);
  await adapter.close();
});

test("what the process does not send again is what it said last, of each adapter for itself, and of a process that is new nothing is", async () => {
  const [adapter, other] = [await open(), await open()];
  const said = new Map([["same", { kind: "entries", entries: [] }]]);
  expect(await read(adapter, "same")).toEqual(said);
  expect(await read(adapter, "same")).toEqual(said);
  // The other has never heard it: for its poller a mailbox of which nothing came.
  expect(await read(other, "same")).toEqual(new Map());
  await read(adapter, "die");
  expect(await read(other, "same")).toEqual(said);
  expect(await read(other, "same")).toEqual(said);
});

test("an answer to a call that was given up counts as known all the same", async () => {
  const adapter = await open();
  const given = new AbortController();
  void read(adapter, "same", given.signal);
  given.abort();
  expect(await read(adapter, "same")).toEqual(new Map([["same", { kind: "entries", entries: [] }]]));
});

test("a process that hangs is ended once it does not hear that a call is given up, and the next reading starts another", async () => {
  const adapter = await open();
  const abort = new AbortController();
  const hung = read(adapter, "hang", abort.signal);
  const behind = read(adapter, "good");
  abort.abort();
  clock.advance(10_000);
  // Who waits behind it is told too.
  expect([...(await hung).values(), ...(await behind).values()]).toEqual([failed, failed]);
  expect(await read(adapter, "good")).toEqual(good);
});

test("a process that hears is left alone, though one call does not end", async () => {
  const adapter = await open();
  const abort = new AbortController();
  let isEnded = false;
  void read(adapter, "deaf", abort.signal).then(() => {
    isEnded = true;
  });
  abort.abort();
  expect(await read(adapter, "good")).toEqual(good);
  clock.advance(60_000);
  expect(await read(adapter, "good")).toEqual(good);
  expect(isEnded).toBe(false);
});

test("a process in which several calls do not end is ended", async () => {
  const adapter = await open();
  const calls = Array.from({ length: 4 }, () => new AbortController());
  const readings = calls.map(({ signal }) => read(adapter, "deaf", signal));
  for (const abort of calls) abort.abort();
  // It hears that they are given up.
  expect(await read(adapter, "good")).toEqual(good);
  clock.advance(10_000);
  for (const reading of readings) expect([...(await reading).values()]).toEqual([failed]);
  expect(await read(adapter, "good")).toEqual(good);
});

test.each(["die", "throw", "full"])("a process that ends by itself (%s) takes nobody with it", async (how) => {
  const adapter = await open();
  const other = await open();
  const [lost] = await Promise.all([read(adapter, how), read(other, "deaf")]);
  expect([...lost.values()]).toEqual([failed]);
  expect(JSON.stringify([...lost])).not.toContain("QUARTZFALCON");
  expect(await read(other, "good")).toEqual(good);
  expect(await read(adapter, "good")).toEqual(good);
});

test("a process in which many calls are given up at once, and end, is left alone", async () => {
  const adapter = await open();
  const first = await read(adapter, "who");
  const calls = Array.from({ length: 8 }, () => new AbortController());
  const readings = calls.map(({ signal }) => read(adapter, "slow", signal));
  for (const abort of calls) abort.abort();
  await Promise.all(readings);
  clock.advance(60_000);
  expect(await read(adapter, "who")).toEqual(first);
});

test("an adapter that cannot be made is no other's loss, and is not made again by itself", async () => {
  const adapter = await open();
  await expect(open("refuse")).rejects.toThrow(UnavailableError);
  await expect(open("die")).rejects.toThrow(UnavailableError);
  expect(await read(adapter, "good")).toEqual(good);
});

test("nothing waits for a process that was closed", async () => {
  const adapter = await open();
  const hung = read(adapter, "hang");
  await running.close();
  expect([...(await hung).values()]).toEqual([failed]);
  expect(await read(adapter, "good")).toEqual(new Map());
});

test("the program heeds no signal that is meant for the server, gives way to others, and ends with the server", async () => {
  const child = fork(await bundled("src/calendar/calendar-program.ts"), [], { serialization: "advanced", execArgv: [], stdio: ["ignore", "ignore", "ignore", "ipc"] });
  const ended = once(child, "exit");
  const abort = async (): Promise<unknown> => {
    child.send({ kind: "abort", call: 1 });
    return (await once(child, "message"))[0];
  };
  expect(await abort()).toEqual({ kind: "alive" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) child.kill(signal);
  expect(await abort()).toEqual({ kind: "alive" });
  expect(getPriority(child.pid ?? 0)).toBe(Math.min(19, getPriority() + 10));
  child.disconnect();
  expect(await ended).toEqual([0, null]);
});
