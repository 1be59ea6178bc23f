import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { eventLines, makeCalendar, PEOPLE, putEvent, send, startRadicale } from "./dav-server.ts";
import { startLamplight, type Lamplight } from "./lamplight.ts";
import { eventually, scratchFolder, startProgram } from "./program.ts";
import { obstacle } from "./surroundings.ts";

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const words = /QUARTZFALCON|ZEBRAROOM|guest@|-Pw-/;

/** `20261121T090000Z`, so many minutes from now. */
const inMinutes = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString().replace(/[-:]|\.\d+/g, "");

interface Shown {
  readonly activities: readonly string[];
  readonly source: string;
}

async function shows(server: Lamplight, wanted: (shown: Shown) => boolean): Promise<Shown> {
  let last: unknown;
  return eventually(
    async () => {
      const shown = (await server.get("/api/presence/101")) as Shown;
      last = shown;
      return wanted(shown) ? shown : null;
    },
    () => `alice's state stayed ${JSON.stringify(last)}:\n${server.program().lines().slice(-30).join("\n")}`,
    { withinMs: 40_000 },
  );
}

describe.skipIf(obstacle("radicale") !== null)("the whole server with radicale", () => {
  test("a meeting in the calendar is what others see, until it is deleted; nobody learns what it is about", { timeout: 150_000 }, async () => {
    const place = await startRadicale();
    await makeCalendar(place, "/bob/desk/", "bob");
    await putEvent(place, "/bob/desk/now.ics", eventLines("now", `DTSTART:${inMinutes(-10)}`, `DTEND:${inMinutes(30)}`, "ORGANIZER:mailto:bob@office.test", "ATTENDEE:mailto:guest@office.test"), "bob");
    const secret = join(scratchFolder("secret"), "password");
    writeFileSync(secret, `${PEOPLE.svc ?? ""}\n`, { mode: 0o600 });
    const server = await startLamplight({
      users: [{ id: "101", password: "secret-101", mailbox: "bob@office.test" }],
      yaml: `calendars:\n  - { kind: caldav, url: "http://127.0.0.1:${String(place.port)}/", username: svc, password_file: "${secret}", poll: 5s }\n`,
    });
    expect((await shows(server, ({ source }) => source === "calendar")).activities).toEqual(["meeting"]);
    const why = JSON.stringify(await server.get("/api/presence/101/why"));
    expect(why).toContain('"calendar"');

    const attempt = startProgram(process.execPath, [main, "calendar", "test", "101", "--config", server.config]);
    expect(await attempt.exit(30_000), attempt.lines().join("\n")).toBe(0);
    expect(attempt.lines().join("\n")).toContain("can be read");

    await send(place, { method: "DELETE", path: "/bob/desk/now.ics", user: "bob" });
    await shows(server, ({ source }) => source !== "calendar");
    await server.stop();
    const files = readdirSync(server.data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const kept = files.map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"));
    expect([why, attempt.lines().join("\n"), server.program().lines().join("\n"), ...kept].filter((text) => words.test(text))).toEqual([]);
  });

  test("a wrong password is named by the command that tries a calendar", async () => {
    const place = await startRadicale();
    const secret = join(scratchFolder("secret"), "password");
    writeFileSync(secret, "wrong-Pw-00000\n", { mode: 0o600 });
    const server = await startLamplight({
      users: [{ id: "101", password: "secret-101", mailbox: "bob@office.test" }],
      yaml: `calendars:\n  - { kind: caldav, url: "http://127.0.0.1:${String(place.port)}/", username: svc, password_file: "${secret}", poll: 5s }\n`,
    });
    const attempt = startProgram(process.execPath, [main, "calendar", "test", "101", "--config", server.config]);
    expect(await attempt.exit(30_000)).toBe(1);
    expect(attempt.lines().join("\n")).toContain("does not accept the user name or password");
    expect([...attempt.lines(), ...server.program().lines()].filter((line) => words.test(line))).toEqual([]);
  });
});
