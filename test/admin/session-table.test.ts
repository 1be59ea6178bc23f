import { describe, expect, test } from "vitest";
import { SessionTable, sessionLifeMs, sessionsMax } from "../../src/admin/session-table.ts";
import { seededRandom } from "../../src/base/random.ts";
import { FakeClock } from "../sim/fake-clock.ts";

describe("sessions", () => {
  test("are known by a random id until their time is over", () => {
    const clock = new FakeClock();
    const sessions = new SessionTable({ clock, random: seededRandom(1) });
    const { id, expiresAt } = sessions.open(null);
    expect(id).toMatch(/^[0-9a-f]{48}$/);
    expect(sessions.open(null).id).not.toBe(id);
    expect(expiresAt).toBe(clock.now() + sessionLifeMs);
    clock.advance(sessionLifeMs - 1);
    expect(sessions.has(id)).toBe(true);
    clock.advance(1);
    expect(sessions.has(id)).toBe(false);
    expect(sessions.has("")).toBe(false);
  });

  test("are bounded: at the bound the oldest ends", () => {
    const sessions = new SessionTable({ clock: new FakeClock(), random: seededRandom(1) });
    const ids = Array.from({ length: sessionsMax }, () => sessions.open(null).id);
    expect(ids.every((id) => sessions.has(id))).toBe(true);
    const last = sessions.open(null).id;
    expect(sessions.has(ids[0] ?? "")).toBe(false);
    expect(sessions.has(ids[1] ?? "")).toBe(true);
    expect(sessions.has(last)).toBe(true);
  });
});
