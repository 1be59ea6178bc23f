import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pid } from "node:process";
import { threadId } from "node:worker_threads";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { aorOf } from "../../src/base/ids.ts";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { WatchState } from "../../src/calendar/adapter.ts";
import { calendarProcess } from "../../src/calendar/calendar-process.ts";
import { EwsAdapter, withHints } from "../../src/calendar/ews-adapter.ts";
import { EwsHints, type HintTimes } from "../../src/calendar/ews-hints.ts";
import type { EwsAccess } from "../../src/calendar/ews-transport.ts";
import { poller } from "../../src/calendar/poller.ts";
import type { CalendarConfig } from "../../src/config/calendars-schema.ts";
import { testAuthority, type TestAuthority } from "../sip/transport/loopback.ts";
import { bundled } from "../store/programs.ts";
import { ACCOUNT, SIGN_OF_LIFE, askedFor, availabilityAnswer, changeOf, exchange, mailboxAnswer, notifier, say, soapFault, streamFailure, type ExchangeSettings, type Notifier } from "./exchange.ts";
import type { WebServer } from "./web-server.ts";

const SECRETS = new RegExp(`${ACCOUNT.password}|${Buffer.from(ACCOUNT.password).toString("base64")}|QUARTZFALCON`);
// A thread takes a second or two to start, and many on a machine that others use: who does not wait for silence gives it half a minute.
const times: HintTimes = { minutes: 1, silentMs: 30_000, retryMs: 20, retryMaxMs: 200, apartMs: 300, deafMs: 30_000 };

let authority: TestAuthority;
let pair: { readonly key: string; readonly cert: string };
let workerPath: string;
beforeAll(async () => {
  authority = testAuthority();
  pair = authority.issue("mail.test", "IP:127.0.0.1");
  workerPath = await bundled("src/calendar/ews-hints-worker.ts");
});
afterAll(() => {
  authority.remove();
  rmSync(workerPath, { force: true });
});
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

/** Waits for what comes, in the order in which it comes. */
class Heard<T> {
  readonly all: T[] = [];
  #waiting: (() => void)[] = [];
  push(one: T): void {
    this.all.push(one);
    for (const wake of this.#waiting.splice(0)) wake();
  }
  async until(isSo: (all: readonly T[]) => boolean): Promise<void> {
    while (!isSo(this.all)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

interface Stage {
  readonly server: WebServer;
  readonly notes: Notifier;
  readonly changes: Heard<string>;
  readonly states: Heard<WatchState>;
}

interface Arrangement {
  readonly mailboxes?: readonly string[];
  readonly more?: Partial<HintTimes>;
  readonly access?: Partial<EwsAccess>;
  readonly program?: string;
}

function accessTo(server: WebServer, more: Partial<EwsAccess> = {}): EwsAccess {
  return { url: `${server.url}/EWS/Exchange.asmx`, username: `${ACCOUNT.domain}\\${ACCOUNT.user}`, password: ACCOUNT.password, timeoutMs: 20_000, ...more };
}

/** Hints of a stand-in; `bad` answers the first stream that is asked for. */
async function stage(settings: Partial<ExchangeSettings> = {}, { mailboxes = ["alice@mail.test", "bob@mail.test"], more = {}, access = {}, program = workerPath }: Arrangement = {}, bad?: (response: ServerResponse, subscription: string) => void, notes = notifier()): Promise<Stage> {
  let isFirst = bad !== undefined;
  const server = await exchange({
    scheme: "basic",
    answer: (soap, response, seen) => {
      if (isFirst && soap.includes("GetStreamingEvents")) {
        isFirst = false;
        bad?.(response, [...notes.subscriptions.keys()][0] ?? "");
      } else notes.answer(soap, response, seen);
    },
    ...settings,
  });
  open.push(server);
  const changes = new Heard<string>();
  const states = new Heard<WatchState>();
  const hints = new EwsHints(mailboxes, {
    access: accessTo(server, access),
    clock: systemClock,
    random: seededRandom(7),
    workerPath: program,
    times: { ...times, ...more },
    onChange: (mailbox) => {
      changes.push(mailbox);
    },
    onState: (state) => {
      expect(JSON.stringify(state)).not.toMatch(SECRETS);
      states.push(state);
    },
  });
  open.push(hints);
  return { server, notes, changes, states };
}

const calendar: CalendarConfig = { kind: "ews", name: "office", url: "", loginUrl: "", users: "all", pollMs: 600_000, timeoutMs: 5000, as: null, zone: null, ca: null, authentication: "auto", username: null, password: null, tenant: null, clientId: null, secret: null, hints: true };
const isUp = (all: readonly WatchState[]): boolean => all.some(({ kind }) => kind === "watching");
const failures = (states: Heard<WatchState>): readonly string[] => states.all.map((state) => (state.kind === "watching" ? "watching" : `${state.kind}: ${state.failure}`));

describe("hints of Exchange", () => {
  test.each(["basic", "ntlm"] as const)("a change is told at once, of that mailbox alone (%s)", async (scheme) => {
    const { notes, changes, states, server } = await stage({ scheme });
    await states.until(isUp);
    notes.change("bob@mail.test");
    await changes.until((all) => all.length > 0);
    expect(changes.all).toEqual(["bob@mail.test"]);
    expect([...notes.subscriptions.values()]).toEqual(["alice@mail.test", "bob@mail.test"]);
    const asked = server.seen.map(({ body }) => body).join("");
    expect(asked).toContain("<t:SmtpAddress>bob@mail.test</t:SmtpAddress>");
    expect(asked).not.toMatch(/GetItem|ItemShape|Subject|SubscribeToAllFolders/);
    expect(server.seen.at(-1)?.headers).toMatchObject({ "x-anchormailbox": "alice@mail.test", cookie: "X-BackEndOverrideCookie=exch1~1943" });
  });

  test("with NTLM over TLS of a private authority, bound to the channel as Extended Protection wants it", async () => {
    const { notes, changes, states } = await stage({ scheme: "ntlm", tls: pair, certificate: new X509Certificate(pair.cert).raw }, { access: { ca: authority.ca } });
    await states.until(isUp);
    notes.change("alice@mail.test");
    await changes.until((all) => all.length > 0);
    expect(changes.all).toEqual(["alice@mail.test"]);
  });

  test("several notifications in one piece, and one in many, are all heard", async () => {
    const { notes, changes, states } = await stage({}, { mailboxes: ["alice@mail.test", "bob@mail.test", "carol@mail.test"] });
    await states.until(isUp);
    const [alice = "", bob = "", carol = ""] = notes.subscriptions.keys();
    const [stream] = notes.streams;
    stream?.write(changeOf(alice) + SIGN_OF_LIFE + changeOf(bob));
    await changes.until((all) => all.length === 2);
    const bytes = Buffer.from(changeOf(carol).replace("<Envelope ", "<s:Envelope ").replace("</Envelope>", "</s:Envelope>"));
    for (let at = 0; at < bytes.length; at += 97) await new Promise<void>((resolve) => stream?.write(bytes.subarray(at, at + 97), () => { setImmediate(resolve); }));
    await changes.until((all) => all.length === 3);
    expect(changes.all).toEqual(["alice@mail.test", "bob@mail.test", "carol@mail.test"]);
  });

  test("however often a mailbox changes, it is told of now, and once more when its time has come", async () => {
    const { notes, changes, states } = await stage();
    await states.until(isUp);
    const begun = systemClock.now();
    for (let count = 0; count < 20; count++) notes.change("alice@mail.test");
    notes.change("bob@mail.test");
    await changes.until((all) => all.length === 3);
    expect(changes.all).toEqual(["alice@mail.test", "bob@mail.test", "alice@mail.test"]);
    expect(systemClock.now() - begun).toBeGreaterThanOrEqual(times.apartMs - 5);
  });

  test("an address is written as it is, whatever characters it has; one that fits into no header is only polled", async () => {
    const { notes, states } = await stage({}, { mailboxes: ["o'neil&sons@mail.test", "jörg@mail.test", "a@mail.test\r\nX-Evil: 1"] });
    await states.until(isUp);
    expect(failures(states)).toEqual(["partly: not-found", "watching"]);
    expect([...notes.subscriptions.values()]).toEqual(["o&apos;neil&amp;sons@mail.test"]);
  });

  test("two hundred mailboxes are a connection, and the next has another", async () => {
    const { notes, states } = await stage({}, { mailboxes: Array.from({ length: 201 }, (_, at) => `u${String(at)}@mail.test`) });
    await states.until((all) => all.length === 2);
    expect([failures(states), notes.streams.length]).toEqual([["watching", "watching"], 2]);
  });
});

describe("hints come back, by a new connection, after a stream that", () => {
  const begins = (response: ServerResponse): ServerResponse => {
    response.writeHead(200, { "content-type": "text/xml" });
    response.write(SIGN_OF_LIFE);
    return response;
  };
  test.each<[string, (response: ServerResponse, subscription: string) => void, string]>([
    ["is ended at once", (response) => begins(response).end(), "connection"],
    ["is cut", (response) => { begins(response); setImmediate(() => response.socket?.destroy()); }, "connection"],
    ["is silent from the beginning", (response) => { response.writeHead(200).flushHeaders(); }, "timeout"],
    ["goes silent", (response) => { begins(response); }, "timeout"],
    ["is garbage", (response) => { response.writeHead(200).end("\u0000<<<QUARTZFALCON"); }, "unreadable"],
    ["is garbage in an envelope", (response) => { response.writeHead(200); response.write('<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><QUARTZFALCON & <</Envelope>'); }, "unreadable"],
    ["is another document", (response) => { response.writeHead(200); response.write("<Envelope><Body><Other/></Body></Envelope>"); }, "unreadable"],
    ["has no end", (response) => { response.writeHead(200).write("<Envelope>".padEnd(2 << 20, "x")); }, "too-large"],
    ["is refused (401)", (response) => { response.writeHead(401, { "www-authenticate": 'Basic realm="QUARTZFALCON"' }).end(); }, "credentials"],
    ["fails (500)", (response) => { say(response, "QUARTZFALCON", 500); }, "connection"],
    ["fails with a fault", (response) => { say(response, soapFault("ErrorServerBusy"), 500); }, "throttled"],
    ["knows a subscription no more", (response, subscription) => { begins(response).write(streamFailure("ErrorSubscriptionNotFound", subscription)); }, "unreadable"],
  ])("%s", async (_, bad, failure) => {
    // On a slow machine what should be heard takes seconds: who waits for silence alone waits shortly, and may wait more than once.
    const isSilent = failure === "timeout";
    const { notes, changes, states } = await stage({}, { more: { silentMs: isSilent ? 3000 : 30_000 } }, bad);
    await states.until((all) => all.some(({ kind }) => kind === "failed") && all.at(-1)?.kind === "watching");
    const failed = failures(states).filter((state) => state !== "watching");
    expect(isSilent ? [...new Set(failed)] : failed).toEqual([`failed: ${failure}`]);
    // Every connection has subscriptions of its own.
    if (failed.length === 1) expect(notes.subscriptions.size).toBe(4);
    notes.change("bob@mail.test");
    await changes.until((all) => all.length > 0);
    expect(changes.all).toEqual(["bob@mail.test"]);
  });

  test("is dropped while it goes well", async () => {
    const { notes, changes, states } = await stage();
    await states.until(isUp);
    notes.streams[0]?.socket?.destroy();
    await states.until((all) => all.length === 3);
    expect(failures(states)).toEqual(["watching", "failed: connection", "watching"]);
    notes.change("alice@mail.test");
    await changes.until((all) => all.length > 0);
  });
});

describe("a mailbox that cannot be watched", () => {
  test("hurts no other", async () => {
    const notes = notifier();
    notes.refuse = (mailbox) => (mailbox === "alice@mail.test" ? "ErrorMailboxMoveInProgress" : null);
    const { changes, states } = await stage({}, {}, undefined, notes);
    await states.until(isUp);
    expect(failures(states)).toEqual(["partly: connection", "watching"]);
    notes.change("bob@mail.test");
    await changes.until((all) => all.length > 0);
  });
  test.each([
    ["ErrorImpersonateUserDenied", "permission"],
    ["ErrorExceededSubscriptionCount", "throttled"],
    ["ErrorNonExistentMailbox", "not-found"],
  ])("says why where none can be (%s)", async (code, failure) => {
    const notes = notifier();
    notes.refuse = () => code;
    const { states, server } = await stage({}, { mailboxes: Array.from({ length: 50 }, (_, at) => `u${String(at)}@mail.test`), more: { retryMs: 60_000 } }, undefined, notes);
    await states.until((all) => all.some(({ kind }) => kind === "failed"));
    expect(failures(states).at(-1)).toBe(`failed: ${failure}`);
    // Nobody asks fifty times for what is not given.
    expect(server.seen.length).toBeLessThan(15);
  });
  test("nor is a wrong password tried for each", async () => {
    const { states, server } = await stage({}, { access: { password: "wrong" }, more: { retryMs: 60_000 } });
    await states.until((all) => all.length > 0);
    expect(failures(states)).toEqual(["failed: credentials"]);
    expect(server.seen.length).toBeLessThanOrEqual(2);
  });
});

describe("a thread of notifications that", () => {
  const worker = (program: string): string => {
    const folder = mkdtempSync(join(tmpdir(), "lamplight-hints-"));
    open.push({
      close() {
        rmSync(folder, { recursive: true, force: true });
        return Promise.resolve();
      },
    });
    writeFileSync(join(folder, "worker.cjs"), `require("node:worker_threads").parentPort.on("message", () => { ${program} });`);
    return join(folder, "worker.cjs");
  };
  test.each([
    ["dies", "process.exit(1);", "unreadable"],
    ["throws", 'throw new TypeError("QUARTZFALCON");', "unreadable"],
    ["rejects where nobody listens", 'Promise.reject(new Error("QUARTZFALCON"));', "unreadable"],
    ["hangs", "for (;;);", "timeout"],
  ])("%s is begun again", async (_, program, failure) => {
    const { states } = await stage({}, { program: worker(program), more: { silentMs: 200, deafMs: 200 } });
    await states.until((all) => all.length >= 3);
    expect(new Set(failures(states))).toEqual(new Set([`failed: ${failure}`]));
  });
});

test("process and thread as they are built find each other: a change comes through both", async () => {
  const folder = join(import.meta.dirname, "../../node_modules/.cache/lamplight-test", `hints-${String(pid)}-${String(threadId)}`);
  for (const name of ["calendar-program", "ews-hints-worker"]) await build({ entryPoints: [join(import.meta.dirname, `../../src/calendar/${name}.ts`)], outfile: join(folder, `${name}.js`), bundle: true, platform: "node", format: "esm", packages: "external", target: "node20" });
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const notes = notifier();
  const server = await exchange({ scheme: "ntlm", answer: (soap, response, seen) => { notes.answer(soap, response, seen); } });
  open.push(server);
  const reader = calendarProcess({ programPath: join(folder, "calendar-program.js"), log: silentLog, clock: systemClock });
  open.push({
    async close() {
      await reader.close();
      rmSync(folder, { recursive: true, force: true });
    },
  });
  const { url, username, password } = accessTo(server);
  const adapter = await reader.open({ calendar: { ...calendar, url, username, password, timeoutMs: 20_000 }, zone: "UTC" });
  const changes = new Heard<string>();
  const states = new Heard<WatchState>();
  adapter.watch?.((mailbox = "") => { changes.push(mailbox); }, ["alice@mail.test"], (state) => { states.push(state); });
  await states.until((all) => all.length > 0);
  expect(failures(states)).toEqual(["watching"]);
  notes.change("alice@mail.test");
  await changes.until((all) => all.length > 0);
  expect(changes.all).toEqual(["alice@mail.test"]);
  await adapter.close();
  // What is closed leaves no connection behind.
  await expect.poll(() => notes.streams.length, { timeout: 5000 }).toBe(0);
});

describe("polls with hints", () => {
  const people = new Map(["alice@mail.test", "bob@mail.test"].map((mailbox, at) => [mailbox, [aorOf(String(101 + at), "tel.example.test")]]));

  async function polled(pollMs: number, streams: ExchangeSettings["answer"] | null): Promise<{ readonly notes: Notifier; readonly polls: Heard<string>; readonly states: Heard<WatchState>; readonly hints: () => number }> {
    const notes = notifier();
    const polls = new Heard<string>();
    const states = new Heard<WatchState>();
    let hints = 0;
    const server = await exchange({
      scheme: "basic",
      answer: (soap, response, seen) => {
        if (!soap.includes("GetUserAvailability")) (streams ?? notes.answer)(soap, response, seen);
        else say(response, availabilityAnswer(...askedFor(soap).map(() => mailboxAnswer([]))));
      },
    });
    open.push(server);
    const access = accessTo(server, { timeoutMs: 5000 });
    const polling = poller({ calendar: { ...calendar, pollMs }, zone: "UTC", people }, {
      clock: systemClock,
      random: seededRandom(7),
      log: silentLog,
      open: () => Promise.resolve(withHints(new EwsAdapter(access, systemClock), access, systemClock, workerPath, { ...times, silentMs: 5000 })),
      onReading: (mailbox, { kind }) => {
        polls.push(`${mailbox} ${kind}`);
      },
      onPoll: () => undefined,
      onHint: () => hints++,
      onWatch: (state) => {
        states.push(state);
      },
    });
    open.push({ close: () => polling.stop() });
    polling.start();
    return { notes, polls, states, hints: () => hints };
  }

  test("come at once when something changed", async () => {
    const { notes, polls, states, hints } = await polled(600_000, null);
    await states.until(isUp);
    await polls.until((all) => all.length === 2);
    notes.change("bob@mail.test");
    await polls.until((all) => all.length === 4);
    expect(new Set(polls.all)).toEqual(new Set(["alice@mail.test entries", "bob@mail.test entries"]));
    expect(hints()).toBe(1);
  });

  test.each<[string, ExchangeSettings["answer"]]>([
    ["fail", (_, response) => { say(response, "", 500); }],
    ["are never answered", () => undefined],
    ["are garbage", (_, response) => { say(response, "\u0000<<<"); }],
    ["are cut", (_, response) => { response.socket?.destroy(); }],
  ])("go on where notifications %s", async (_, streams) => {
    const { polls, states } = await polled(200, streams);
    await states.until((all) => all.some(({ kind }) => kind === "failed"));
    const before = polls.all.length;
    await polls.until((all) => all.length >= before + 8);
    expect(polls.all.filter((poll) => !poll.endsWith(" entries"))).toEqual([]);
  });
});
