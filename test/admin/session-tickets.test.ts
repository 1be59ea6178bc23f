import { describe, expect, test } from "vitest";
import { SessionTickets, endedMax, sessionLifeMs } from "../../src/admin/session-tickets.ts";
import { seededRandom } from "../../src/base/random.ts";
import { FakeClock } from "../sim/fake-clock.ts";

const key = new Uint8Array(32).fill(7);

describe("a session", () => {
  test("says whose it is until its time is over, also to the next run of the program", () => {
    const clock = new FakeClock();
    const first = new SessionTickets({ clock, random: seededRandom(1), key });
    const { id, expiresAt } = first.open("person sip:zoë@tel.example.test");
    expect(expiresAt).toBe(clock.now() + sessionLifeMs);
    expect(id).toMatch(/^[\w.-]+$/);
    expect(first.open("x").id).not.toBe(first.open("x").id);
    const next = new SessionTickets({ clock, random: seededRandom(2), key });
    expect(next.read(id)).toEqual({ owner: "person sip:zoë@tel.example.test", expiresAt });
    clock.advance(sessionLifeMs - 1);
    expect(next.read(id)?.owner).toContain("zoë");
    clock.advance(1);
    expect(next.read(id)).toBeNull();
  });

  test("that was altered, made up, or signed with another key is none", () => {
    const clock = new FakeClock();
    const sessions = new SessionTickets({ clock, random: seededRandom(1), key });
    const { id } = sessions.open("administrator");
    const [expires = "", salt = "", owner = "", mac = ""] = id.split(".");
    const other = Buffer.from("person x").toString("base64url");
    for (const bad of ["", ".", "...", "a.b.c.d", `${expires}.${salt}.${other}.${mac}`, `z${expires}.${salt}.${owner}.${mac}`, id.slice(0, -1), `${id}A`, `${expires}.${salt}.${owner}`]) expect(sessions.read(bad), bad).toBeNull();
    expect(new SessionTickets({ clock, random: seededRandom(1), key: new Uint8Array(32) }).read(id)).toBeNull();
  });

  test("that was ended is over, and what is remembered of ended ones is bounded", () => {
    const sessions = new SessionTickets({ clock: new FakeClock(), random: seededRandom(1), key });
    const ids = Array.from({ length: endedMax + 1 }, () => sessions.open("a").id);
    for (const id of ids.slice(0, endedMax)) sessions.close(id);
    sessions.close("made up");
    expect(sessions.read(ids[1] ?? "")).toBeNull();
    expect(sessions.read(ids[endedMax] ?? "")).not.toBeNull();
  });
});
