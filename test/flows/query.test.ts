import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { aorOf } from "../../src/base/ids.ts";
import { ConfigError, UnavailableError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { peopleIds, runQuery, watchQuery, type Query } from "../../src/query.ts";
import { plainLook } from "../../src/terminal.ts";
import { webOf, type Web } from "../../src/web.ts";
import { DOMAIN, Stage } from "./stage.ts";

const TOKEN = "the-token-of-the-stage";

let stage: Stage;
let web: Web;
let folder: string;

beforeEach(async () => {
  stage = await Stage.start();
  web = webOf({ web: { url: "http://127.0.0.1:0", address: "127.0.0.1", port: 0, auth: "token", token: TOKEN, eventStreamsMax: 200 } }, stage.server, { clock: systemClock, random: systemRandom(), log: silentLog, transports: stage.transports });
  await web.start();
  folder = mkdtempSync(join(tmpdir(), "lamplight-query-"));
});

afterEach(async () => {
  await web.stop();
  await stage.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Asks as the command does, with a configuration of its own; what was printed. */
async function asked(query: Query, keys = `listen: "${web.url}", token: ${TOKEN}`): Promise<string> {
  const path = join(folder, "lamplight.yaml");
  writeFileSync(path, `domain: ${DOMAIN}\nweb: { ${keys} }\n`, { mode: 0o600 });
  let text = "";
  const code = await runQuery(query, path, {}, (part) => (text += part));
  expect(code).toBe(0);
  return text;
}

const show = (what: string, aor: string | null = null, isJson = false): Query => ({ kind: "show", what, aor, isJson });

describe("lamplight show", () => {
  test("prints what the running server knows, of all or of one person by any of his names", async () => {
    for (const user of ["101", "102"]) await (await stage.phone(user, "udp", { userAgent: "TestPhone/1.0" })).register();
    expect(await asked(show("registrations"))).toMatch(/^WHO +CONTACT +BY +ENDS IN +PHONE\n101@tel\.example\.test +101@127\.0\.0\.1:\d+ +udp +(10 min|9 min \d+ s) +TestPhone\/1\.0\n102@.*\n$/);
    expect((await asked(show("registrations", "user102"))).split("\n")).toHaveLength(3);
    expect(await asked(show("registrations", "103"))).toBe("nobody is registered\n");
    expect(await asked(show("calls", `sip:101@${DOMAIN}`))).toBe("no calls\n");
    expect(JSON.parse(await asked(show("lamps", "user101", true)))).toEqual([{ aor: `sip:101@${DOMAIN}`, state: "idle", since: null, dialogs: [] }]);
    expect((await asked(show("presence"))).split("\n")).toHaveLength(7);
    expect(JSON.parse(await asked(show("presence", "101", true)))).toMatchObject({ basic: "open", note: "Available" });
    expect(await asked(show("subscriptions"))).toBe("no subscriptions\n");
  });

  test("says why", async () => {
    await (await stage.phone("101")).register();
    expect(await asked({ kind: "why", aor: "user101", at: null, isJson: false })).toMatch(/^101@tel\.example\.test: Available · open\nsource: registration, \d s ago\n[^]* \* registration: open/);
    expect(JSON.parse(await asked({ kind: "why", aor: "101", at: null, isJson: true }))).toMatchObject({ aor: `sip:101@${DOMAIN}`, inputs: [{ won: true }], watchers: [] });
  });

  test("says why, for a moment that is over", async () => {
    await (await stage.phone("101")).register();
    await stage.server.past.why(aorOf("101", DOMAIN), stage.server.now());
    const text = await asked({ kind: "why", aor: "101", at: "0s", isJson: false });
    expect(text).toMatch(/^101@tel\.example\.test: Available · open\nsource: registration, \d s ago\nas it was at 20\S+Z; recorded at \S+Z, the record goes back to \S+Z\n/);
    await expect(asked({ kind: "why", aor: "101", at: "half past", isJson: false })).rejects.toThrow(/^"half past" is no time; write 14:03/);
    await expect(asked({ kind: "why", aor: "101", at: "10d", isJson: false })).rejects.toThrow(/^the record begins at/);
  });

  test("says in one line what is wrong", async () => {
    const refused = async (query: Query, keys?: string): Promise<Error> => asked(query, keys).then(() => new Error("it was answered"), (err: unknown) => err as Error);
    const unknownSubject = await refused(show("phones"));
    expect(unknownSubject).toBeInstanceOf(ConfigError);
    expect(unknownSubject.message).toBe('there is nothing called "phones" to show; write registrations, calls, presence, lamps, subscriptions or sentinel');
    for (const [query, keys, message] of [
      [show("lamps", "nobody"), undefined, /^nobody here is called "nobody"; write/],
      [{ kind: "why", aor: "sip:101@elsewhere.test", at: null, isJson: false }, undefined, /^nobody here is called/],
      [show("lamps"), `listen: "${web.url}", token: wrong-token`, /^this is not the token/],
      [show("lamps"), `listen: "${web.url}"`, /^the configuration sets no web token/],
      [show("lamps"), `listen: "http://127.0.0.1:1", token: ${TOKEN}`, /^no server answers at http:\/\/127\.0\.0\.1:1; is it started\?$/],
    ] as const) {
      const err = await refused(query, keys);
      expect(err).toBeInstanceOf(UnavailableError);
      expect(err.message).toMatch(message);
      expect(err.message).not.toContain("\n");
    }
  });

  test("does not take another program for its server", async () => {
    const other = createServer((_request, response) => response.end("<h1>hello</h1>"));
    await new Promise<void>((done) => other.listen(0, "127.0.0.1", done));
    const { port } = other.address() as AddressInfo;
    await expect(asked(show("lamps"), `listen: "http://127.0.0.1:${String(port)}", token: ${TOKEN}`)).rejects.toThrow(/is not Lamplight$/);
    other.close();
  });

  test("--watch shows what has changed, says when the server is away, and ends when it is told to", async () => {
    const path = join(folder, "lamplight.yaml");
    writeFileSync(path, `domain: ${DOMAIN}\nweb: { listen: "${web.url}", token: ${TOKEN} }\n`, { mode: 0o600 });
    const turns: (() => void)[] = [];
    const clock = { now: () => 0, after: (_ms: number, run: () => void) => (turns.push(run), () => undefined) };
    const seen: string[] = [];
    let told: () => void = () => undefined;
    let end: () => void = () => undefined;
    const until = new Promise<void>((resolve) => (end = resolve));
    const next = (): Promise<void> => new Promise((resolve) => (told = resolve));
    const first = next();
    const watching = watchQuery(show("registrations"), path, {}, {
      replace: (text) => {
        seen.push(text);
        told();
      },
      look: () => plainLook,
    }, until, clock);
    await first;
    await (await stage.phone("101")).register();
    const second = next();
    turns.at(-1)?.();
    await second;
    await web.stop();
    const third = next();
    await new Promise((resolve) => setImmediate(resolve));
    turns.at(-1)?.();
    await third;
    end();
    expect(await watching).toBe(0);
    expect(seen).toEqual(["nobody is registered\n", expect.stringMatching(/^WHO.*\n101@/), expect.stringMatching(/^no server answers at .*; trying again\n$/)]);
  });

  test("knows whom completion may offer, and offers nobody when no server answers", async () => {
    const path = join(folder, "lamplight.yaml");
    writeFileSync(path, `domain: ${DOMAIN}\nweb: { listen: "${web.url}", token: ${TOKEN} }\n`, { mode: 0o600 });
    expect(await peopleIds(path, {})).toEqual(["101", "102", "103", "104", "105"]);
    expect(await peopleIds(join(folder, "missing.yaml"), {})).toEqual([]);
    await web.stop();
    expect(await peopleIds(path, {})).toEqual([]);
  });
});
